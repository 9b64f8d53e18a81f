"""Neurons that send numbers in place of spikes: forward and adjoint against autodiff, finite differences and Brian2."""

from dataclasses import replace

import numpy as np
import pytest

from lsnn import Population, brian
from lsnn.blocks import Block
from lsnn.equations import source_of
from lsnn.equations.javascript import javascript_of
from lsnn.errors import InputError
from lsnn.files.network_file import network_sha256
from lsnn.learning.config import LearningConfig
from lsnn.meta import new_network
from lsnn.network import NetworkConfig
from lsnn.neuron_files import as_json, model_of
from lsnn.neurons import ALIF
from tasks.water_maze import WaterMaze
from tests.comparing import assert_close
from tests.equations import rates

CASES = {
    "sparse with delays": {},
    "full": {"full": True},
    "beside spikes": {"lif": 9},
    "beside spikes, full": {"lif": 9, "full": True},
    "adapting": {"text": rates.ADAPTING},
    "adapting, beside spikes": {"text": rates.ADAPTING, "lif": 9},
}


SHORT = ("beside spikes, full", "adapting, beside spikes")  # the others are of the long tests


@pytest.fixture(
    scope="module", ids=list(CASES),
    params=[pytest.param(case, marks=[pytest.mark.long] * (name not in SHORT)) for name, case in CASES.items()],
)  # fmt: skip
def both(request):
    """Network, and readout, record, gradient of the compiled code beside readout and gradient of the graph."""
    network, inputs = rates.network_of(**request.param), rates.inputs_of()
    slopes = rates.slopes_of(network)
    return network, rates.compiled(network, inputs, *slopes), rates.by_autodiff(network, inputs, *slopes)


def test_the_readout_is_that_of_the_graph(both):
    network, (y, record, _), (expected, _) = both
    assert np.abs(expected - network.bias[:, None]).max() > 0.1
    assert_close(y, expected, rtol=1e-9, atol=1e-9 * np.abs(expected).max())
    n_lif = network.config.n_excitatory
    assert not record.spikes[:, n_lif:].any()
    assert not n_lif or record.spikes[:, :n_lif].any()
    assert np.abs(rates.sent_of(network, record)).max() > 0.3


def test_the_gradient_is_that_of_autodiff(both):
    _, (_, _, found), (_, expected) = both
    assert set(found) == set(expected)
    for name, gradient in expected.items():
        scale = np.abs(gradient).max()
        assert scale > 1e-6, name
        assert_close(found[name], gradient, rtol=1e-6, atol=1e-9 * scale, err_msg=name)


@pytest.mark.parametrize(
    "text", [pytest.param(rates.PLAIN, marks=pytest.mark.long), rates.ADAPTING], ids=["plain", "adapting"]
)
def test_finite_differences_hold_for_the_whole_gradient(text):
    """Nothing is replaced by a surrogate: central differences in random directions, in float64, to 1e-7."""
    network, inputs = rates.network_of(text, learnt=None), rates.inputs_of()
    g_y, _ = rates.slopes_of(network)
    found = rates.compiled(network, inputs, g_y, np.zeros(network.config.n_neurons))[2]
    generator, h = np.random.default_rng(8), 1e-5

    def loss(name, step):
        moved = replace(network)
        if name == "theta":
            moved.synapses = network.synapses._replace(theta=network.synapses.theta + step)
        else:
            setattr(moved, name, getattr(network, name) + step)
        return float((g_y * rates.compiled(moved, inputs)[0]).sum())

    for name, gradient in found.items():
        direction = generator.standard_normal(gradient.shape)
        slope = (loss(name, h * direction) - loss(name, -h * direction)) / (2 * h)
        assert abs(slope) > 1e-3
        assert float((gradient * direction).sum()) == pytest.approx(slope, rel=1e-7), name


# In a task, and in Brian2


def block_of(text, lif=0, steps=200, **settings):
    """Eight episodes of the maze in float64, by a network that swims."""
    config = NetworkConfig(
        n_excitatory=lif, n_inhibitory=0, n_adaptive=20, adaptive_model=text, dale=False, rewire=False,
        recurrent_gain=0.2, d_max_ms=1, beta=0.4, learnt=rates.LEARNT[text], **settings,
    )  # fmt: skip
    task = WaterMaze(duration_ms=steps, platform_radius=0.8)
    network = new_network(task, config, LearningConfig(), seed=1)
    block = Block(task, network, steps, keep_states=True, dtype=np.float64)
    block.begin(task, np.arange(8, dtype=np.uint64))
    return network, block


@pytest.mark.parametrize(("text", "lif"), [(rates.PLAIN, 0), (rates.ADAPTING, 9)], ids=["alone", "beside spikes"])
def test_brian2_finds_the_same_numbers(text, lif):
    """Driven by the recorded input, and with the task within Brian2's run."""
    network, block = block_of(text, lif)
    block.roll_out(network.weights(np.float64), np.full(2, -np.inf))
    replayed = brian.replay(network, block.record.input_spikes)
    closed = brian.closed_loop(block_task(block), network, block.keys, np.full(2, -np.inf))
    sent = rates.sent_of(network, block.record)
    assert np.abs(sent).max() > 0.3
    for found in (replayed, closed.record):
        np.testing.assert_array_equal(found.spikes, block.record.spikes)
        assert_close(rates.sent_of(network, found), sent, atol=1e-9)
        assert_close(found.y, block.record.y, atol=1e-9)
        apart = brian.difference(network, found, block.record)
        assert apart.v < 1e-9 and apart.b < 1e-9
    np.testing.assert_array_equal(closed.trace.reward, block.trace.reward)


def block_task(block):
    return WaterMaze(duration_ms=block.steps, platform_radius=0.8)


def test_a_silenced_neuron_sends_nothing_and_has_no_gradient():
    """An experiment holds neuron 4 by its refractory count for 50 steps, as it would keep one from spiking."""
    network, block = block_of(rates.PLAIN)
    weights = network.weights(np.float64)
    block.state.refractory[4] = 50
    block.roll_out(weights, np.full(2, -np.inf))
    sent = rates.sent_of(network, block.record)[:, 4]
    assert not sent[:50].any() and sent[50:].any(axis=0).all()
    assert block.record.x[10, 4].any()
    g_y = np.zeros_like(block.record.y)
    g_y[:50] = 1
    gradient = block.back(weights, g_y, np.zeros(20), 0.3, False)
    assert not gradient.readout[4].any() and gradient.readout[5].any()
    rows = weights.recurrent.start
    assert not gradient.recurrent[rows[4] : rows[5]].any() and gradient.recurrent.any()


def test_a_segment_is_run_again_to_the_same_bits():
    gradients = []
    for segment in (0, 30):
        network, whole = block_of(rates.PLAIN)
        block = Block(block_task(whole), network, whole.steps, dtype=np.float64, segment=segment)
        block.begin(block_task(whole), whole.keys)
        block.roll_out(network.weights(np.float64), np.full(2, -np.inf))
        g = np.random.default_rng(3).standard_normal(block.record.y.shape)
        gradients.append(block.back(network.weights(np.float64), g, np.zeros(20), 0.3, False))
    for one, other in zip(*gradients, strict=True):
        np.testing.assert_array_equal(one, other)


def test_tiles_of_a_large_network_have_the_same_gradient(monkeypatch):
    network, inputs = rates.network_of(lif=9, learnt=None), rates.inputs_of()
    slopes = rates.slopes_of(network)
    whole = rates.compiled(network, inputs, *slopes)[2]
    monkeypatch.setattr("lsnn.rows.TILE_BYTES", 5 * network.ring * 8 * 4)
    assert network.weights().recurrent_back.start.size > network.config.n_neurons + 1
    tiled = rates.compiled(network, inputs, *slopes)[2]
    for name, gradient in whole.items():
        assert_close(tiled[name], gradient, rtol=1e-9, atol=1e-9 * np.abs(gradient).max())


# What is refused, and what a file holds


def changed(old, new):
    assert old in rates.PLAIN
    return rates.PLAIN.replace(old, new)


OUTPUT = 'output = "tanh(v)"'
REFUSED = {
    "threshold": (changed(OUTPUT, f'{OUTPUT}\nthreshold = "v > 1"'), "threshold must be left out beside output"),
    "reset": (changed(OUTPUT, f'{OUTPUT}\nreset = "v = 0"'), "reset must be left out beside output"),
    "refractory": (changed(OUTPUT, f'{OUTPUT}\nrefractory = "2*ms"'), "refractory must be left out beside output"),
    "surrogate": (changed(OUTPUT, f'{OUTPUT}\nsurrogate = "gaussian"'), "surrogate must be left out beside output"),
    "neither": (changed(OUTPUT, ""), "'threshold' is missing; needed: .*; output may stand in place of threshold"),
    "empty": (changed(OUTPUT, 'output = " "'), r"output must be an expression such as 'tanh\(v\)'"),
    "no text": (changed(OUTPUT, "output = 1"), "output must be a text, got 1"),
    "unknown": (changed(OUTPUT, 'output = "tanh(u)"'), r"output, 'tanh\(u\)': unknown variable 'u'"),
    "time": (changed(OUTPUT, 'output = "sin(t/ms)"'), "output, .*does not know the time"),
    "noise": (changed(OUTPUT, 'output = "v + randn()"'), "output, .*noise has no adjoint"),
    "jump": (changed(OUTPUT, 'output = "sign(v)"'), "output, .*it jumps"),
    "truth": (changed(OUTPUT, 'output = "v > 1"'), "output, 'v > 1'"),
    "constant": (changed(OUTPUT, 'output = "0.5"'), "output, '0.5': must depend on a state variable"),
    "cleared": (changed(OUTPUT, 'output = "v + I"'), r"output, 'v \+ I': must not use 'I', which is cleared once used"),
    "unit": (changed(OUTPUT, 'output = "v*tau_m"'), r"output, .*has the unit s, must have 1"),
    "held": (
        rates.PLAIN.replace("tau_m : 1", "tau_m : 1 (unless refractory)"), "neuron with an output is never refractory",
    ),
    "conductance": (
        changed("(I - v)/tau_m", "(I*(1 - v) - v)/tau_m").replace('"exact"', '"euler"'),
        "synapses add to 'I', a conductance, which numbers of any sign could make negative",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_a_broken_rule_is_named(case):
    text, message = REFUSED[case]
    with pytest.raises(InputError, match=message):
        source_of(model_of(text))


@pytest.mark.parametrize(("field", "value"), [("threshold", "v > 1"), ("reset", "v = 0")])
def test_a_model_made_in_python_is_held_to_the_same_rules(field, value):
    model = model_of(rates.PLAIN)._replace(**{field: value})
    with pytest.raises(InputError, match=f"{field}, '{value}': must be left out beside an output"):
        source_of(model)


def test_an_output_that_synapses_do_not_move_is_refused():
    text = changed(OUTPUT, 'output = "v**2"')
    with pytest.raises(InputError, match=r"output, 'v\*\*2': synapses must move it from where the neuron starts"):
        replace(rates.network_of(), config=NetworkConfig(**config_with(text))).effect()


def config_with(text):
    return vars(rates.network_of().config) | {"adaptive_model": text}


def test_other_engines_refuse_it_by_name():
    model = model_of(rates.PLAIN)
    with pytest.raises(InputError, match="model of rates must be one that spikes"):
        Population("rates", 3, model)
    with pytest.raises(InputError, match="a page runs neurons that spike alone"):
        javascript_of([ALIF, model])
    with pytest.raises(
        InputError, match="network.d_max_ms must be 1 for neurons with an output to run in Brian2, received 3"
    ):
        brian.replay(network := rates.network_of(), np.zeros((4, network.n_in), np.uint8))


def test_a_file_tells_the_output_and_no_other_model_has_one():
    model, network = model_of(rates.PLAIN), rates.network_of()
    assert '"output": "tanh(v)"' in as_json([model]) and "output" not in as_json([ALIF])
    other = replace(network, config=NetworkConfig(**config_with(changed("tanh(v)", "tanh(2*v)"))))
    assert network_sha256(network) != network_sha256(other)
