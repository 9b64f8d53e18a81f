"""NIR in and out: the same spikes as those of the equations that NIR states, and by name what either cannot say."""

import brian2 as br
import numpy as np
import pytest
from scipy.linalg import expm

import lsnn
from lsnn import Population, Projection, Readout, ms, uniform
from lsnn.errors import InputError
from tests.arrays.small import SETTINGS

nir = pytest.importorskip("nir")
DT = 0.001
G = np.random.default_rng(0)
X = G.random((2, 300, 5)) < 0.2
A, B = "a", "again_b"  # the second stands within a graph of its own


def lif(n=8, **changes):
    values = {"tau": G.uniform(0.01, 0.02, n), "r": G.uniform(1, 2, n), "v_leak": np.full(n, 0.1)}
    values |= {"v_threshold": np.ones(n), "v_reset": np.full(n, -0.2)}
    return nir.LIF(**values | changes)


def cubalif(n=4, **changes):
    values = {"tau_syn": G.uniform(0.004, 0.006, n), "tau_mem": G.uniform(0.01, 0.02, n), "r": np.full(n, 1.5)}
    values |= {"v_leak": np.full(n, -0.1), "v_threshold": np.ones(n), "v_reset": np.zeros(n), "w_in": np.full(n, 2.0)}
    return nir.CubaLIF(**values | changes)


def ends(n_in, n_out):
    return {"in": nir.Input({"input": np.array([n_in])}), "out": nir.Output({"output": np.array([n_out])})}


@pytest.fixture(scope="module")
def graph():
    """Inputs onto LIF neurons that excite and inhibit themselves, these onto CubaLIF neurons likewise, and a LI."""
    inner = nir.NIRGraph(
        ends(4, 4) | {"b": cubalif(), "self": nir.Linear(G.normal(0, 1, (4, 4)))},
        [("in", "b"), ("b", "self"), ("self", "b"), ("b", "out")],
    )
    nodes = ends(5, 2) | {
        "onto_a": nir.Affine(G.normal(2, 3, (8, 5)), G.uniform(0, 0.1, 8)), A: lif(),
        "late": nir.Delay(np.full(8, 0.003)), "self": nir.Linear(G.normal(0, 1, (8, 8))),
        "onto_b": nir.Affine(G.normal(3, 3, (4, 8)), G.uniform(0, 0.1, 4)), "again": inner,
        "aside": nir.Linear(G.normal(3, 3, (4, 8))), "later": nir.Delay(0.001 * np.arange(4)),
        "onto_li": nir.Affine(G.normal(0, 1, (2, 4)), np.array([0.0, 1.0])),
        "li": nir.LI(np.full(2, 0.02), np.full(2, 2.0), np.full(2, 0.5)),
    }  # fmt: skip
    edges = [("in", "onto_a"), ("onto_a", A), (A, "late"), ("late", "self"), ("self", A), (A, "onto_b")]
    edges += [("onto_b", "again"), (A, "aside"), ("aside", "later"), ("later", "again"), ("again", "onto_li")]
    return nir.NIRGraph(nodes, [*edges, ("onto_li", "li"), ("li", "out")])


@pytest.fixture(scope="module")
def circuit(graph):
    return lsnn.from_nir(graph, dt=1 * ms)


@pytest.fixture(scope="module")
def run(circuit):
    return circuit.run(inputs=X)


def before(spikes, t, steps=0):
    """Spikes (n,) that left so many steps before those of the step before t."""
    return spikes[t - 1 - steps] if t - 1 - steps >= 0 else np.zeros(spikes.shape[1])


def witness(graph, x):
    """Spikes of both populations and the LI, from the numbers of the nodes; a spike is 1 for a step."""
    nodes, inner = graph.nodes, graph.nodes["again"].nodes
    a, b, li = nodes[A], inner["b"], nodes["li"]
    z_a, z_b, y = np.zeros((len(x), 8)), np.zeros((len(x), 4)), np.zeros((len(x) + 1, 2))
    v_a, u, v_b = a.v_leak.copy(), np.zeros(4), b.v_leak.copy()
    y[0] = li.v_leak + li.r * nodes["onto_li"].bias
    decay = np.exp(-DT / a.tau)
    flows = [expm(DT * np.array([[-1 / s, 0, w / s], [r / m, -1 / m, 0], [0, 0, 0]]))
             for s, m, r, w in zip(b.tau_syn, b.tau_mem, b.r, b.w_in, strict=True)]  # fmt: skip
    for t in range(len(x)):
        onto_a = nodes["onto_a"].weight @ before(x, t) + nodes["onto_a"].bias + nodes["self"].weight @ before(z_a, t, 3)
        rest = a.v_leak + a.r * onto_a
        v_a = rest + (v_a - rest) * decay
        late = np.array([nodes["aside"].weight[i] @ before(z_a, t, i) for i in range(4)])
        onto_b = nodes["onto_b"].weight @ before(z_a, t) + nodes["onto_b"].bias + late
        onto_b += inner["self"].weight @ before(z_b, t)
        parts = np.array([u, v_b - b.v_leak, onto_b]).T
        moved = np.array([flow @ part for flow, part in zip(flows, parts, strict=True)])
        u, v_b = moved[:, 0], moved[:, 1] + b.v_leak
        z_a[t], z_b[t] = v_a > a.v_threshold, v_b > b.v_threshold
        v_a, v_b = np.where(z_a[t], a.v_reset, v_a), np.where(z_b[t], b.v_reset, v_b)
        rest = li.v_leak + li.r * (nodes["onto_li"].weight @ z_b[t] + nodes["onto_li"].bias)
        y[t + 1] = rest + (y[t] - rest) * np.exp(-DT / li.tau)
    return z_a, z_b, y[1:]


def test_a_graph_has_the_spikes_of_its_equations(graph, run):
    for sample, x in enumerate(X):
        z_a, z_b, y = witness(graph, x.astype(float))
        np.testing.assert_array_equal(run.spikes(A)[sample], z_a)
        np.testing.assert_array_equal(run.spikes(B)[sample], z_b)
        np.testing.assert_allclose(run.outputs[sample], y, rtol=1e-9)
        assert min(z_a.sum(), z_b.sum()) > 200


def test_there_and_back_by_a_file_are_the_same_bits(circuit, run, tmp_path):
    nir.write(tmp_path / "graph.nir", lsnn.to_nir(circuit))
    again = lsnn.from_nir(nir.read(tmp_path / "graph.nir"), dt=1 * ms)
    for name, values in circuit.parameters.items():
        for key, own in values.items():
            np.testing.assert_array_equal(again.parameters[name][key], own)
    found = again.run(inputs=X)
    for name in (A, B):
        np.testing.assert_array_equal(found.spikes(name), run.spikes(name))
    np.testing.assert_allclose(found.outputs, run.outputs, rtol=1e-12)


def model(**changes):
    """A LIF neuron in volts, of which a change makes what NIR does not know."""
    parts = {"dv": "(E - v + R*J)/tau", "more": "", "threshold": "v > V_T", "reset": "v = V_r", "synaptic": "J"}
    parts |= {"kept": "false", "port": "J : amp", "t_ref": "1*ms", "tau": "12*ms", "start": "E"} | changes
    return '''
    name = "own"
    equations = """
    dv/dt = {dv} : volt
    {port}
    {more}
    E : volt (constant)
    R : ohm (constant)
    V_T : volt (constant)
    V_r : volt (constant)
    tau : second (constant)
    """
    threshold = "{threshold}"
    reset = "{reset}"
    method = "exact"
    scale = "20*mV"
    synaptic = "{synaptic}"
    kept = {kept}
    refractory = "{t_ref}"
    [parameters]
    E = "-70*mV"
    R = "100*Mohm"
    V_T = "-50*mV"
    V_r = "-65*mV"
    tau = "{tau}"
    [initial]
    v = "{start}"
    '''.format(**parts)


def own(**changes):
    """Neurons E of a model with changes, driven by x."""
    onto = Projection("x", "E", "J", connectivity=1.0, weight=uniform(-0.5, 2) * br.nA)
    return lsnn.Circuit([Population("x", 5), Population("E", 8, model(**changes))], [onto])


CURRENT = {"dv": "(E - v + R*c)/tau", "more": "dc/dt = (J - c)/(5*ms) : amp", "tau": "20*ms"}


def test_a_circuit_of_such_neurons_goes_there_and_back():
    """A refractory time of one step is none; a delay between two steps becomes both; E starts off its rest."""
    weight = uniform(-0.5, 2) * br.nA
    projections = [
        Projection("x", "E", connectivity=1.0, weight=weight, delay=uniform(1, 4) * ms),
        Projection("E", "E", connectivity=0.5, weight=weight, delay=2.4 * ms, learn=("weight", "delay")),
        Projection("E", "F", connectivity=1.0, weight=weight),
    ]
    models = model(start="E + 5*mV"), model(**CURRENT)
    populations = [Population("x", 5), Population("E", 8, models[0]), Population("F", 4, models[1])]
    readout = Readout(("E", "F"), 2, tau=20 * ms, bias=np.array([0.5, -1.0]))
    here = lsnn.Circuit(populations, projections, readout, seed=1)
    back = lsnn.from_nir(lsnn.to_nir(here), dt=1 * ms)
    found, wanted = back.run(inputs=X), here.run(inputs=X)
    for name in ("E", "F"):
        np.testing.assert_array_equal(found.spikes(name), wanted.spikes(name))
        assert wanted.spikes(name).sum() > 100
    np.testing.assert_allclose(found.outputs, wanted.outputs, rtol=1e-9, atol=1e-12)


def kept(**changes):
    return {"port": "dJ/dt = -J/(5*ms) : amp", "kept": "true"} | changes


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"threshold": "v > V_T + w", "more": "dw/dt = -w/(100*ms) : volt", "reset": "v = V_r; w += 1*mV"},
         "adaptive threshold, which moves with w"),
        ({"dv": "(E - v + R*J - w)/tau", "more": "dw/dt = -w/(100*ms) : volt", "reset": "v = V_r; w += 1*mV"},
         "w in the equation of v"),
        ({"reset": "v -= V_T - V_r"}, "subtractive reset"),
        ({"t_ref": "2*ms"}, "refractoriness"),
        (kept(), "adds to J at once"),
        (kept(start="E + 1*mV"), "start of v other than its rest"),
        (kept(reset="v = V_r; J = 0*amp"), "the reset of J"),
    ],
)  # fmt: skip
def test_what_nir_cannot_say_is_refused_by_name_or_left_out(changes, said):
    circuit = own(**changes)
    with pytest.raises(InputError, match=f"population E: .*{said}.*lossy=True"):
        lsnn.to_nir(circuit)
    with pytest.warns(UserWarning, match=said):
        graph = lsnn.to_nir(circuit, lossy=True)
    assert said in graph.metadata["lost"]
    np.testing.assert_allclose(graph.nodes["E"].v_threshold, -0.05)
    assert np.all(graph.nodes["E"].v_reset < -0.06)
    assert lsnn.from_nir(graph, dt=1 * ms).population("E").size == 8


def test_a_current_that_spikes_jump_is_the_same_after_a_step():
    circuit = own(**kept())
    with pytest.warns(UserWarning):
        graph = lsnn.to_nir(circuit, lossy=True)
    found = graph.nodes["x_to_E_J"].weight[circuit.synapses["x_to_E_J"].post, circuit.synapses["x_to_E_J"].pre]
    decay = np.exp(-1 / 5)  # J decays to w times it in the step; NIR's rises from 0 to w' (1 - decay)
    np.testing.assert_allclose(found * (1 - decay), circuit.weight["x_to_E_J"] * decay, rtol=1e-12)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"dv": "(E - v + R*J)*(1 + v/volt)/tau"}, "not linear"),
        ({"dv": "(E + R*J)/tau"}, "no leak"),
        ({"dv": "(v - E + R*J)/tau"}, "not above 0"),
        ({"threshold": "v < V_T - 100*mV"}, "threshold"),
        ({"reset": ""}, "reset does not set v"),
        ({"synaptic": "J, K", "more": "K : amp", "dv": "(E - v + R*J + R*K)/tau"}, "2 ports"),
    ],
)
def test_neurons_that_are_not_alike_are_refused_in_any_case(changes, said):
    text = model(**changes).replace('method = "exact"', 'method = "euler"')
    onto = Projection("x", "E", "J", connectivity=1.0, weight=1 * br.nA)
    circuit = lsnn.Circuit([Population("x", 5), Population("E", 8, text)], [onto])
    with pytest.raises(InputError, match=f"population E.*{said}"):
        lsnn.to_nir(circuit, lossy=True)


def test_a_network_is_written_but_for_what_makes_it_adapt():
    network = lsnn.create(5, 2, 5, **SETTINGS)
    with pytest.raises(InputError, match="population adaptive: an adaptive threshold, which moves with b"):
        lsnn.to_nir(network)
    with pytest.warns(UserWarning, match="population excitatory: a subtractive reset"):
        graph = lsnn.to_nir(network, lossy=True)
    np.testing.assert_allclose(graph.nodes["adaptive"].v_reset, 0, atol=1e-12)
    assert isinstance(graph.nodes["readout"], nir.LI)


def test_circuits_without_an_input_and_cells_with_spikes_of_their_own_are_named():
    from lsnn.circuits.parts import Rates

    populations = [Population("x", 5, source=Rates(np.full(5, 10.0))), Population("E", 8, model())]
    with pytest.raises(InputError, match="population E: NIR has no neurons that no synapses reach"):
        lsnn.to_nir(lsnn.Circuit([Population("x", 5), populations[1]]))
    with pytest.raises(InputError, match="must have input cells"):
        lsnn.to_nir(lsnn.Circuit(populations[1:]))
    onto = Projection("x", "E", connectivity=1.0, weight=1 * br.nA)
    with pytest.raises(InputError, match="population x: spikes of its own"):
        lsnn.to_nir(lsnn.Circuit(populations, [onto]))


def chain(*between, n_in=5, n_out=8):
    """A graph of nodes that follow each other."""
    inner = {f"n{i}": node for i, node in enumerate(between)}
    names = ["in", *inner, "out"]
    edges = [*zip(names[:-1], names[1:], strict=True)]
    return nir.NIRGraph(ends(n_in, n_out) | inner, edges, type_check=False)


W = np.ones((8, 5))


@pytest.mark.parametrize(
    ("between", "said"),
    [
        ((nir.Linear(W), nir.IF(np.ones(8), np.ones(8))), "'n1' is a IF; taken are"),
        ((nir.Scale(np.ones(5)), nir.Linear(W), lif()), "'n0' is a Scale"),
        ((nir.Linear(np.ones((5, 5))), nir.Linear(W), lif()), "'n0', a Linear"),
        ((nir.Affine(W, np.ones(8)), nir.Delay(np.full(8, 0.002)), lif()), "'n0': a bias before a Delay"),
        ((nir.Delay(np.full(5, 0.0015)), nir.Linear(W), lif()), "delays from in to n2 must be whole steps"),
        ((nir.Delay(np.full(5, -0.001)), nir.Linear(W), lif()), "delay of node 'n0' must be at least 0"),
        ((nir.Linear(W), lif(), nir.Linear(np.ones((2, 8)))), "'n2': a Linear at an output"),
        ((nir.Linear(W), nir.LI(np.ones(8), np.ones(8), np.ones(8)), nir.Linear(np.ones((8, 8))), lif()), "'n1', a LI"),
        ((nir.Linear(W), lif(), nir.Linear(np.ones((2, 8))), nir.LI(np.arange(1, 3), np.ones(2), np.ones(2))),
         "tau of node 'n3' must be one number"),
        ((nir.Linear(W), lif(v_reset=np.ones(8))), "v_reset of node 'n1' must be below v_threshold"),
        ((nir.Linear(W), lif(tau=np.zeros(8))), "tau of node 'n1' must be above 0"),
        ((nir.Linear(W), lif(r=np.full(8, np.nan))), "r of E|r of n1"),
        ((nir.Linear(W[:4]), cubalif(tau_syn=np.full(4, 0.01), tau_mem=np.full(4, 0.01))), "other than tau_mem"),
        ((nir.Linear(np.ones((7, 5))), lif()), r"weight of node 'n0' must be of shape \(8, n\)"),
        ((nir.Linear(np.ones((8, 6))), lif()), "'in' must be of 6 cells"),
        ((nir.LIF(*np.ones((5, 2, 2))),), r"'n0' must be a row of cells"),
    ],
)  # fmt: skip
def test_nodes_that_cannot_be_taken_are_named(between, said):
    with pytest.raises(InputError, match=said):
        lsnn.from_nir(chain(*between), dt=1 * ms)


def test_what_else_from_nir_is_given_is_checked():
    graph = chain(nir.Linear(W), lif())
    with pytest.raises(InputError, match="graph must be of class NIRGraph"):
        lsnn.from_nir("graph.nir", dt=1 * ms)
    with pytest.raises(InputError, match="dt must be"):
        lsnn.from_nir(graph, dt=1.0)
    with pytest.raises(InputError, match="learnt must be of populations among in, n1"):
        lsnn.from_nir(graph, dt=1 * ms, learnt={"E": ("tau",)})
    graph.edges.append(("n1", "in"))
    with pytest.raises(InputError, match="must not end at an input"):
        lsnn.from_nir(graph, dt=1 * ms)
    graph.edges[-1] = ("n1", "nowhere")
    with pytest.raises(InputError, match="'nowhere' is none"):
        lsnn.from_nir(graph, dt=1 * ms)
    made = lsnn.from_nir(chain(nir.Linear(W), lif()), dt=1 * ms, learnt={"n1": ("tau",)})
    assert made.population("n1").learnt == ("tau",)
