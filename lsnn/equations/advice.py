"""What to write in place of a name that cannot be used."""

import re

from brian2.core.functions import DEFAULT_FUNCTIONS
from brian2.core.namespace import DEFAULT_UNITS

JUMPS = "it jumps; 1/(1 + exp(-x/width)) rises from 0 to 1 within some widths"
NOISE = "noise has no adjoint: add it in Brian2, where the frozen network runs"
SPIKED = (
    "the compiled step does not know it: let a variable of the model tell how long ago a spike was, such as "
    "'ds/dt = -s/tau_a : 1' with 's = 1' in the reset"
)
TIME = "the compiled step does not know the time: let it enter as spikes"

FUNCTIONS = {
    **dict.fromkeys(("sign", "floor", "ceil", "int", "heaviside", "Heaviside", "round", "step"), JUMPS),
    **dict.fromkeys(("rand", "randn", "poisson"), NOISE),
    **dict.fromkeys(("max", "maximum", "fmax", "Max"), "write 0.5*(a + b + abs(a - b)) for the larger of a and b"),
    **dict.fromkeys(("min", "minimum", "fmin", "Min"), "write 0.5*(a + b - abs(a - b)) for the smaller of a and b"),
    "tan": "write sin(x)/cos(x)",
    "cosh": "write 0.5*(exp(x) + exp(-x))",
    "sinh": "write 0.5*(exp(x) - exp(-x))",
    "expm1": "write x*exprel(x)",
    "log1p": "write log(1 + x)",
    "log10": "write log(x)/log(10)",
    "ln": "write log(x)",
    "fabs": "write abs(x)",
    "pow": "write x**y",
    "sigmoid": "write 1/(1 + exp(-x))",
    "timestep": TIME,
}
VARIABLES = {
    "xi": NOISE,
    "t": TIME,
    "t_in_timesteps": TIME,
    "i": "the compiled step does not know the neuron's number: make it a parameter",
    "N": "the compiled step does not know the number of neurons: make it a parameter",
    "lastspike": SPIKED,
    "not_refractory": "mark what stands still while the neuron is refractory with the flag (unless refractory)",
}
SYMBOLS = {
    "S": "siemens", "V": "volt", "A": "amp", "F": "farad", "s": "second", "m": "metre", "g": "gram", "C": "coulomb",
    "J": "joule", "W": "watt", "H": "henry", "K": "kelvin", "Ohm": "ohm", "M": "molar", "Hz": "hertz",
}  # fmt: skip


def for_function(name: str) -> str:
    """What to write in place of a function that is called."""
    if name in FUNCTIONS:
        return FUNCTIONS[name]
    if name in DEFAULT_FUNCTIONS:
        return ""
    return "an input enters as spikes; other values as parameters"


def for_variable(name: str) -> str:
    """What is wrong with a name that is not declared, and what to do."""
    reason = VARIABLES.get("xi" if name.startswith("xi_") else name)
    if reason:
        return f"{name!r} cannot be used: {reason}"
    if unit := full_unit(name):
        return f"unknown variable {name!r}: Brian2 calls the unit {unit}"
    return f"unknown variable {name!r}: declare it with its unit in the equations"


def full_unit(name: str) -> str:
    """Brian2's name of a unit that is given by its symbol, empty if it is none."""
    found = re.fullmatch(rf"([yzafpnumcdhkMGTPEZY]?|da)({'|'.join(SYMBOLS)})", name)
    unit = found[1] + SYMBOLS[found[2]] if found else ""
    return unit if unit in DEFAULT_UNITS else ""
