"""Neuron models: Brian2 equation strings with units, and the table of their parameters.

These strings are the model (docs/design.md, section 1), and the only statement of it that the program runs:
`lsnn.equations` writes the compiled forward step and its adjoint from them, `lsnn/brian.py` runs them in Brian2.
"""

from typing import NamedTuple

from lsnn.errors import InputError


class Parameter(NamedTuple):
    """A row of the parameter table (docs/reference/parameters.md)."""

    name: str
    value: str
    unit: str
    symbol: str
    source: str


class NeuronModel(NamedTuple):
    """A point neuron as Brian2 runs it, and what learning needs to know besides.

    The threshold 'lhs > rhs' gives u = (lhs - rhs)/scale, the argument of the surrogate derivative
    dz/du = gamma psi(u/width), whose peak gamma is the damping. A model with an `output` has neither threshold nor
    reset: it sends that number each step in place of a spike, and what is said of spikes counts for nothing.
    """

    name: str
    equations: str
    threshold: str  # '' with an output
    reset: str  # likewise
    method: str  # of integration: exact, exponential_euler or euler
    scale: str = "b0"  # in the unit of the threshold; a synapse of effect 1 lifts lhs by it at most
    refractory: str = "t_ref"  # a time, made of parameters
    synaptic: str = "I"  # its ports, the variables that synapses add their weight to; commas between several
    kept: bool = False  # whether it is kept and has an equation, or is cleared once used; of several each may be either
    substeps: int = 1  # integration steps a step; the threshold is looked at once a step
    surrogate: str = "triangle"  # psi: triangle, fast_sigmoid or gaussian
    width: float = 1.0
    parameters: tuple[Parameter, ...] = ()  # values that the configuration of the network does not hold
    initial: tuple[tuple[str, str], ...] = ()  # state variables that do not start at 0, made of parameters
    learnt: tuple[str, ...] = ()  # parameters of which the adjoint takes the gradient, too; the spikes are the same
    given: tuple[str, ...] = ()  # parameters that the network holds for each neuron, beyond those of GIVEN
    driven: tuple[str, ...] = ()  # declared as parameters, and given anew each step from outside
    output: str = ""  # a pure number that the neuron sends each step, made of its variables and parameters
    scored: tuple[str, ...] = ()  # state variables that a loss is taken of; the spikes are the same

    @property
    def ports(self) -> tuple[str, ...]:
        """The variables that synapses add to."""
        return tuple(name.strip() for name in self.synaptic.split(",") if name.strip())

    @property
    def sends(self) -> bool:
        """Whether it sends a number each step, not spikes."""
        return bool(self.output)


OF_NETWORK = ("learnt", "given", "driven", "scored")  # fields that a network fills: no file holds them
OF_SPIKES = ("threshold", "reset", "refractory", "scale", "surrogate", "width")  # of no meaning beside an output
# Parameters that the configuration of the network holds, and their units.
GIVEN = {"b0": "1", "beta": "1", "tau_m": "second", "tau_a": "second", "t_ref": "second"}

CLASSIC_RESET = """
        v -= (b0 + beta*b)*exp(dt/tau_m)
        b += exp(dt/tau_a) - 1
    """

LIF = NeuronModel(
    name="lif",
    equations="""
        dv/dt = (I - v)/tau_m : 1
        I : 1
        b0 : 1 (constant)
        tau_m : second (constant)
        t_ref : second (constant)
    """,
    threshold="v > b0",
    reset="v -= b0*exp(dt/tau_m)",
    method="exact",
)

ALIF = NeuronModel(
    name="alif",
    equations="""
        dv/dt = (I - v)/tau_m : 1
        db/dt = -b/tau_a : 1
        I : 1
        b0 : 1 (constant)
        beta : 1 (constant)
        tau_m : second (constant)
        tau_a : second (constant)
        t_ref : second (constant)
    """,
    threshold="v > b0 + beta*b",
    reset=CLASSIC_RESET,
    method="exact",
)

EXPONENTIAL = NeuronModel(
    name="exponential",
    equations="""
        dv/dt = (I - v)/tau_m : 1
        db/dt = -b/tau_a : 1
        dI/dt = -I/tau_s : 1
        b0 : 1 (constant)
        beta : 1 (constant)
        tau_m : second (constant)
        tau_a : second (constant)
        tau_s : second (constant)
        t_ref : second (constant)
    """,
    threshold="v > b0 + beta*b",
    reset=CLASSIC_RESET,
    method="exact",
    kept=True,
    parameters=(Parameter("tau_s", "5", "ms", "tau_s", "ours"),),
)

SFA = NeuronModel(
    name="sfa",
    equations="""
        dv/dt = (I - a - v)/tau_m : 1
        da/dt = -a/tau_a : 1
        I : 1
        b0 : 1 (constant)
        beta : 1 (constant)
        tau_m : second (constant)
        tau_a : second (constant)
        t_ref : second (constant)
    """,
    threshold="v > b0",
    reset="""
        v -= b0*exp(dt/tau_m)
        a += beta*(exp(dt/tau_a) - 1)
    """,
    method="exact",
)

TWO_TIME_CONSTANTS = NeuronModel(
    name="alif2",
    equations="""
        dv/dt = (I - v)/tau_m : 1
        db/dt = -b/tau_a : 1
        db_fast/dt = -b_fast/tau_fast : 1
        B = b0 + beta*b + beta_fast*b_fast : 1
        I : 1
        b0 : 1 (constant)
        beta : 1 (constant)
        beta_fast : 1 (constant)
        tau_m : second (constant)
        tau_a : second (constant)
        tau_fast : second (constant)
        t_ref : second (constant)
    """,
    threshold="v > B",
    reset="""
        v -= B*exp(dt/tau_m)
        b += exp(dt/tau_a) - 1
        b_fast += exp(dt/tau_fast) - 1
    """,
    method="exact",
    parameters=(
        Parameter("tau_fast", "100", "ms", "tau_a2", "ours"),
        Parameter("beta_fast", "0.17", "1", "beta_2", "ours"),
    ),
)

# A spike is called at -35 mV, on the upswing, and not at its peak of 30 mV: the last step or two up to there change
# nothing but make the gradient explode.
IZHIKEVICH = NeuronModel(
    name="izhikevich",
    equations="""
        dv/dt = 0.04*v**2/(ms*mV) + 5*v/ms + 140*mV/ms - u + I : volt (unless refractory)
        du/dt = (b*v - u)/tau_a : volt/second
        I : volt/second
        b : hertz (constant)
        c : volt (constant)
        d : volt/second (constant)
        tau_a : second (constant)
        t_ref : second (constant)
    """,
    threshold="v > -35*mV",
    reset="""
        v = c
        u += d
    """,
    method="euler",
    substeps=2,
    scale="35*mV",  # from rest to the threshold, as b0 of a LIF neuron
    parameters=(
        Parameter("b", "0.2", "kHz", "b", "Izhikevich 2003 (recalled)"),
        Parameter("c", "-65", "mV", "c", "Izhikevich 2003 (recalled)"),
        Parameter("d", "2", "volt/second", "d", "Izhikevich 2003 (recalled)"),
    ),
    initial=(("v", "-70*mV"), ("u", "-70*mV*b")),
)

ADEX = NeuronModel(
    name="adex",
    equations="""
        dv/dt = (g_L*(E_L - v) + g_L*Delta_T*exp(clip((v - V_T)/Delta_T, -20, 5)) - w + I)/C : volt (unless refractory)
        dw/dt = (a*(v - E_L) - w)/tau_a : amp
        I : amp
        C : farad (constant)
        g_L : siemens (constant)
        E_L : volt (constant)
        V_T : volt (constant)
        Delta_T : volt (constant)
        a : siemens (constant)
        b : amp (constant)
        V_r : volt (constant)
        tau_a : second (constant)
        t_ref : second (constant)
    """,
    threshold="v > V_T + 5*Delta_T",
    reset="""
        v = V_r
        w += b
    """,
    method="euler",
    substeps=4,
    scale="V_T + 5*Delta_T - E_L",
    parameters=(
        Parameter("C", "281", "pF", "C", "Brette & Gerstner 2005 (recalled)"),
        Parameter("g_L", "30", "nS", "g_L", "Brette & Gerstner 2005 (recalled)"),
        Parameter("E_L", "-70.6", "mV", "E_L", "Brette & Gerstner 2005 (recalled)"),
        Parameter("V_T", "-50.4", "mV", "V_T", "Brette & Gerstner 2005 (recalled)"),
        Parameter("Delta_T", "2", "mV", "Delta_T", "Brette & Gerstner 2005 (recalled)"),
        Parameter("a", "4", "nS", "a", "Brette & Gerstner 2005 (recalled)"),
        Parameter("b", "80.5", "pA", "b", "Brette & Gerstner 2005 (recalled)"),
        Parameter("V_r", "-70.6", "mV", "V_r", "Brette & Gerstner 2005 (recalled)"),
    ),
    initial=(("v", "E_L"),),
)

MODELS = {model.name: model for model in (LIF, ALIF, EXPONENTIAL, SFA, TWO_TIME_CONSTANTS, IZHIKEVICH, ADEX)}


def is_told(key: str, value: object) -> bool:
    """Whether a file tells a field of a model: not what a network fills, nor an output where there is none."""
    return key not in OF_NETWORK and (key != "output" or value != "")


def model_named(name: str) -> NeuronModel:
    """The model of that name; raises InputError if there is none."""
    if name not in MODELS:
        raise InputError(f"no neuron model {name!r}; known: {', '.join(MODELS)}")
    return MODELS[name]
