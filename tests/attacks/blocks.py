"""Attacks on blocks, on the calls of an iteration and on networks."""

from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from lsnn import brian
from lsnn.blocks import Block
from lsnn.kernels.layout import Weights
from lsnn.learning import calls
from lsnn.learning.config import LearningConfig
from lsnn.learning.returns import advantages
from lsnn.learning.shard import BatchStatistics, batch_statistics, prepare
from lsnn.meta import new_network
from lsnn.network import Network, NetworkConfig, build_network
from lsnn.wiring import draw_pairs, synapses_of_pairs
from tasks.bandit import Bandit
from tasks.encoders import FlagCells, PlaceCells
from tasks.water_maze import WaterMaze
from tests.attacks import wrong
from tests.attacks.attack import Attack
from tests.attacks.wrong import Labelled, Pairs, named

STEPS = 12
TASK, LEARNING = WaterMaze(duration_ms=STEPS), LearningConfig()
CONFIG = NetworkConfig(n_excitatory=6, n_inhibitory=2, n_adaptive=4, d_max_ms=3, input_gain=3.0)
KEYS = np.arange(8, dtype=np.uint64) + 3
NETWORK = new_network(TASK, CONFIG, LEARNING, seed=1)
SEED = np.random.SeedSequence(1)
N, N_OUT = CONFIG.n_neurons, NETWORK.n_out


def other_networks() -> Iterator[tuple[str, Network]]:
    """Networks that have not what the block was made for."""
    changes: dict[str, dict[str, Any]] = {
        "a neuron more": {"n_excitatory": 7}, "an adaptive neuron for another": {"n_excitatory": 5, "n_adaptive": 5},
        "twenty neurons more": {"n_adaptive": 24}, "longer delays": {"d_max_ms": 9}, "no delays": {"d_max_ms": 1},
        "another model": {"adaptive_model": "alif2"}, "fewer neurons": {"n_excitatory": 1, "n_adaptive": 1},
    }  # fmt: skip
    for label, change in changes.items():
        yield label, new_network(TASK, replace(CONFIG, **change), LEARNING, seed=1)
    for label, learning in (("another readout", replace(LEARNING, auxiliary=True)),):
        yield label, new_network(TASK, CONFIG, learning, seed=1)
    yield "other input cells", new_network(replace(TASK, encoder=PlaceCells(5)), CONFIG, LEARNING, seed=1)


def other_tasks() -> Iterator[Labelled]:
    """What is no task of the block."""
    yield from wrong.no_arrays()
    yield "a bandit", Bandit(trials=1, trial_ms=3)
    yield "other cells", replace(TASK, encoder=PlaceCells(9))
    yield "another encoder", Bandit(encoder=FlagCells(("a", "b", "c", "d"), 7), trials=1, trial_ms=3)


def wrong_weights(weights: Weights) -> Iterator[Labelled]:
    """Weights of which one array is wrong, or places in which lie outside others."""
    yield "None", None
    yield "a plain tuple", tuple(weights)
    yield "in double precision", NETWORK.weights(np.float64)
    for label, network in other_networks():
        if label != "no delays":  # these fit
            yield label, network.weights()
    for part, arrays in weights._asdict().items():
        for label, value in wrong.of_tuple(arrays, written=False):
            yield f"{part}, {label}", weights._replace(**{part: value})
    yield from wrong_places(weights)


def wrong_places(weights: Weights) -> Iterator[Labelled]:
    """Rows and targets beyond the arrays."""
    cells = weights.cells
    for change in (-1, 1, 1000, 2**40):
        groups = cells.groups.copy()
        groups[1, 1:] += change
        yield f"groups moved by {change}", weights._replace(cells=cells._replace(groups=groups))
    for part in ("inputs", "recurrent", "inputs_back", "recurrent_back"):
        rows = getattr(weights, part)
        changes: dict[str, dict[str, Any]] = {
            "a row beyond the end": {"start": rows.start + 1}, "a row before the start": {"start": rows.start - 1},
            "falling rows": {"start": rows.start[::-1].copy()}, "a far end": {"start": rows.start * 2**40},
            "targets beyond": {"offset": rows.offset + 3 * N}, "targets before": {"offset": rows.offset - 3 * N},
            "no delay": {"offset": rows.offset % N}, "another form": {"form": np.array([1], np.uint8)},
            "no form": {"form": np.array([7], np.uint8)}, "tiles": {"form": np.array([2], np.uint8)},
            "an order": {"order": np.arange(len(rows.weight))},
        }  # fmt: skip
        for label, change in changes.items():
            yield f"{part}: {label}", weights._replace(**{part: rows._replace(**change)})


def begun() -> Block:
    """A block of eight episodes at their start."""
    block = Block(TASK, NETWORK, STEPS, keep_states=True)
    block.begin(TASK, KEYS)
    return block


def rolled_out() -> Block:
    """A block at the end of its episodes."""
    block = begun()
    block.roll_out(NETWORK.weights(), NETWORK.log_std)
    return block


def result_of(block: Block) -> list[np.ndarray]:
    """What a roll-out leaves."""
    return [*block.record, *block.trace, *block.state]


def roll_out(weights, log_std, steps, hold, mean_norm, **put) -> list[np.ndarray]:
    """A roll-out of a block into which an experiment has put something."""
    block = begun()
    for name, value in put.items():
        setattr(block, name, value)
    block.roll_out(weights, log_std, steps, hold, mean_norm)
    return result_of(block)


def good_roll_out() -> dict[str, Any]:
    """Arguments of `roll_out`, and what an experiment may change."""
    block = begun()
    return {
        "weights": NETWORK.weights(), "log_std": NETWORK.log_std, "steps": 5, "hold": 2, "mean_norm": 1.0,
        "state": block.state, "record": block.record, "trace": block.trace, "task_state": block.task_state,
        "keys": block.keys, "t": 4,
    }  # fmt: skip


def wrong_roll_outs(good: dict[str, Any]) -> Pairs:
    beyond = (("beyond the end", STEPS - 3),)
    yield from named(
        weights=wrong_weights(good["weights"]),
        log_std=(*wrong.of_numbers(good["log_std"]), ("NaN", np.full(2, np.nan)), ("infinite", np.full(2, np.inf))),
        steps=(*(each for each in wrong.of_integer() if each[1] is not None), *beyond),
        hold=wrong.of_integer(1),
        mean_norm=wrong.of_number(0.0),
        state=wrong.of_tuple(good["state"]),
        record=wrong.of_tuple(good["record"]),
        trace=wrong.of_tuple(good["trace"]),
        task_state=wrong.of_array(good["task_state"]),
        keys=wrong.of_array(good["keys"]),
        t=(*wrong.of_integer(), ("beyond the end", STEPS + 1)),
    )


def same_roll_outs(good: dict[str, Any]) -> Pairs:
    log_std = good["log_std"]
    yield from named(
        log_std=(("a list", log_std.tolist()), *wrong.converted(log_std)),
        steps=(("of numpy", np.int32(5)),), t=(("of numpy", np.int16(4)),), hold=(("of numpy", np.uint8(2)),),
        mean_norm=(("of numpy", np.float32(1.0)), ("whole", 1)),
    )  # fmt: skip


def begin(task, keys) -> list[np.ndarray]:
    """The start of a block."""
    block = Block(TASK, NETWORK, STEPS)
    block.begin(task, keys)
    return [block.keys, block.task_state]


def back(block, weights, g_y, g_z, gamma, detach_reset):
    """The gradient of a block."""
    return block.back(weights, g_y, g_z, gamma, detach_reset)


def good_back() -> dict[str, Any]:
    g = np.random.default_rng(3)
    return {
        "block": rolled_out(), "weights": NETWORK.weights(), "g_y": g.standard_normal((STEPS, N_OUT, 8)),
        "g_z": g.standard_normal(N), "gamma": 0.3, "detach_reset": False,
    }  # fmt: skip


def half_way() -> Block:
    block = begun()
    block.roll_out(NETWORK.weights(), NETWORK.log_std, 3)
    return block


def with_record(block: Block, record: Any) -> Block:
    """A block that was given another record."""
    block.record = record
    return block


def wrong_backs(good: dict[str, Any]) -> Pairs:
    blocks = (("one half way", half_way()), ("one not begun", Block(TASK, NETWORK, STEPS)))
    kept = good["block"].record
    records = ((f"record: {label}", with_record(rolled_out(), value)) for label, value in wrong.of_tuple(kept))
    yield from named(
        block=(*blocks, *records), weights=wrong_weights(good["weights"]), g_y=wrong.of_numbers(good["g_y"]),
        g_z=wrong.of_numbers(good["g_z"]), gamma=wrong.of_number(0.0), detach_reset=wrong.of_flag(),
    )  # fmt: skip


def same_backs(good: dict[str, Any]) -> Pairs:
    g_y, g_z = good["g_y"], good["g_z"]
    yield from named(
        g_y=(("a list", g_y.tolist()), ("by columns", np.asfortranarray(g_y)), *wrong.converted(g_y)),
        g_z=wrong.converted(g_z),
        gamma=(("of numpy", np.float64(0.3)),),
    )


def replay(weights, record):
    """The record's input through weights."""
    block = with_record(rolled_out(), record)
    block.replay(weights)
    return result_of(block)


def rolled_by_call(**arguments):
    return calls.roll_out(Block(TASK, NETWORK, STEPS), **arguments)


def good_call() -> dict[str, Any]:
    return {
        "keys": KEYS, "task": TASK, "weights": NETWORK.weights(), "log_std": NETWORK.log_std, "hold": 1,
        "network": calls.bare(NETWORK),
    }  # fmt: skip


def gradient(block, weights, statistics, network, target_weight, loss):
    return list(calls.gradient(block, weights, statistics, network, LEARNING, target_weight, loss).weights)


def good_gradient() -> dict[str, Any]:
    block = rolled_out()
    summed = calls.summed_up(block, NETWORK, LEARNING)
    return {
        "block": block, "weights": NETWORK.weights(), "statistics": batch_statistics([summed], STEPS, 1.0),
        "network": calls.bare(NETWORK), "target_weight": 0.0, "loss": "reward",
    }  # fmt: skip


def wrong_statistics(good: BatchStatistics) -> Iterator[Labelled]:
    yield "None", None
    for label, value in wrong.of_array(good.rate_hz, written=False):
        if "place" not in label:
            yield f"rate_hz: {label}", good._replace(rate_hz=value)


def wrong_networks() -> Iterator[Labelled]:
    yield from other_networks()
    yield from misshapen_networks()


def misshapen_networks() -> Iterator[Labelled]:
    """Networks that no block can be made for."""
    yield "None", None
    for name in ("tau_m_ms", "beta", "readout", "bias"):
        for label, value in wrong.of_array(getattr(NETWORK, name), written=False):
            if "place" not in label:
                yield f"{name}: {label}", replace(NETWORK, **{name: value})
    yield "an output too many", replace(NETWORK, outputs=dict(NETWORK.outputs) | {"more": 1})


def broken_networks() -> Iterator[Labelled]:
    """Networks whose synapses do not fit."""
    synapses, wiring = NETWORK.synapses, NETWORK.wiring
    for label, value in wrong.of_tuple(synapses, written=False):
        if "place" not in label:
            yield f"synapses, {label}", replace(NETWORK, synapses=value)
    for name, change in (("source", 1000), ("source", -1), ("target", N), ("target", -N), ("delay", 3), ("delay", -3)):
        moved = synapses._replace(**{name: (getattr(synapses, name) + change).astype(np.int32)})
        yield f"{name} moved by {change}", replace(NETWORK, synapses=moved)
    yield "synapses turned round", replace(NETWORK, synapses=type(synapses)(*(a[::-1].copy() for a in synapses)))
    yield "every synapse twice", replace(NETWORK, synapses=type(synapses)(*(np.repeat(a, 2) for a in synapses)))
    for label, value in wrong_wirings():
        yield f"wiring, {label}", replace(NETWORK, wiring=value)
    yield "fewer inputs", replace(NETWORK, wiring=wiring._replace(n_in=3, source_sign=wiring.source_sign[: 3 + N]))


def wrong_wirings() -> Iterator[Labelled]:
    wiring = NETWORK.wiring
    yield "None", None
    for name, low in (("key", 0), ("n_in", 0), ("n_neurons", 1), ("d_max", 1)):
        for label, value in wrong.of_integer(low):
            yield f"{name}: {label}", wiring._replace(**{name: value})
    for label, value in wrong.of_array(wiring.source_sign, written=False):
        yield f"source_sign: {label}", wiring._replace(source_sign=value)


def wrong_pairs(good: dict[str, Any]) -> Pairs:
    end = (NETWORK.n_in + N) * N
    pairs = (("negative", np.array([-1, 0, 1])), ("beyond", np.array([0, 1, end])), ("fractions", np.ones(3)),
             ("two axes", np.zeros((3, 1), int)), ("a list", [0, 1, 2]), ("None", None))  # fmt: skip
    yield from named(wiring=wrong_wirings(), pairs=pairs, theta=wrong.of_numbers(good["theta"]))


def wrong_advantages(good: dict[str, Any]) -> Pairs:
    for name in ("v_t", "terminated_t", "truncated_t", "v_boot"):
        found = (each for each in wrong.of_array(good[name], written=False) if each[0] != "every other place")
        yield from named(**{name: found})
    yield from named(r_t=wrong.no_arrays(), discount=wrong.of_number(0.0), lambda_=wrong.of_number(0.0))


def closed_loop(**arguments):
    return result_of(brian.closed_loop(TASK, NETWORK, **arguments))


def attacks() -> Iterator[Attack]:
    """Every way into compiled code by a block or a network."""
    yield Attack(
        "Block", lambda **arguments: Block(**arguments).steps,
        lambda: {"task": TASK, "network": NETWORK, "steps": STEPS, "keep_states": True, "dtype": np.float32,
                 "segment": 0, "gradient": True},
        lambda good: named(
            task=wrong.no_arrays(), network=misshapen_networks(), steps=wrong.of_integer(1), segment=wrong.of_integer(),
            keep_states=wrong.of_flag(), gradient=wrong.of_flag(),
            dtype=(("half", np.float16), ("whole", int), ("text", "text"), ("None", None), ("swapped", ">f4")),
        ),
    )  # fmt: skip
    yield Attack(
        "begin", begin, lambda: {"task": TASK, "keys": KEYS},
        lambda good: named(task=other_tasks(), keys=wrong.of_keys(KEYS)),
        lambda good: named(keys=(("a list", KEYS.tolist()), ("signed", KEYS.astype(int)), *wrong.converted(KEYS))),
    )  # fmt: skip
    yield Attack("roll_out", roll_out, good_roll_out, wrong_roll_outs, same_roll_outs)
    yield Attack(
        "replay", replay, lambda: {"weights": NETWORK.weights(), "record": rolled_out().record},
        lambda good: named(weights=wrong_weights(good["weights"]), record=wrong.of_tuple(good["record"])),
    )  # fmt: skip
    yield Attack("back", back, good_back, wrong_backs, same_backs)
    yield Attack(
        "brian.closed_loop", closed_loop, lambda: {"keys": KEYS, "log_std": NETWORK.log_std, "hold": 2},
        lambda good: named(
            keys=wrong.of_keys(KEYS), log_std=wrong.of_numbers(good["log_std"]), hold=wrong.of_integer(1)
        ),
    )  # fmt: skip
    yield Attack(
        "calls.roll_out", rolled_by_call, good_call,
        lambda good: named(keys=wrong.of_keys(KEYS), task=other_tasks(), log_std=wrong.of_numbers(good["log_std"]),
                           hold=wrong.of_integer(1)),
    )  # fmt: skip
    yield Attack(
        "calls.gradient", gradient, good_gradient,
        lambda good: named(block=(("one not summed up", rolled_out()),), network=wrong_networks(),
                           statistics=wrong_statistics(good["statistics"]), target_weight=wrong.of_number(0.0),
                           loss=(("another word", "classes"), ("None", None))),
    )  # fmt: skip
    yield Attack(
        "prepare", lambda **arguments: list(prepare(**arguments))[0],
        lambda: {"block": rolled_out(), "network": NETWORK, "learning": LEARNING},
        lambda good: named(network=wrong_networks()),
    )  # fmt: skip
    yield Attack(
        "Network.weights", lambda network, dtype: list(network.weights(dtype).inputs),
        lambda: {"network": NETWORK, "dtype": np.float32},
        lambda good: named(network=(net for net in (*broken_networks(), *misshapen_networks()) if net[1] is not None),
                           dtype=(("half", np.float16), ("text", "text"), ("None", None), ("whole", int))),
    )  # fmt: skip
    yield Attack(
        "build_network",
        lambda n_in, width: list(build_network(CONFIG, n_in, {"y": width}, np.zeros(0), SEED).synapses),
        lambda: {"n_in": 5, "width": 2}, lambda good: named(n_in=wrong.of_integer(), width=wrong.of_integer()),
    )  # fmt: skip
    yield Attack(
        "synapses_of_pairs", lambda **arguments: list(synapses_of_pairs(**arguments)[0]),
        lambda: {"wiring": NETWORK.wiring, "pairs": np.array([3, 40, 5]), "theta": np.ones(3)}, wrong_pairs,
    )  # fmt: skip
    yield Attack(
        "draw_pairs", partial(draw_pairs, generator=np.random.default_rng(0)),
        lambda: {"wiring": NETWORK.wiring, "count": 5, "taken": np.array([1, 2])},
        lambda good: named(wiring=wrong_wirings(), count=(*wrong.of_integer(), ("more than there are", 10**6)),
                           taken=(("beyond", np.array([10**9])), ("negative", np.array([-1])), ("None", None))),
    )  # fmt: skip
    yield Attack(
        "advantages", advantages,
        lambda: {"r_t": np.ones((5, 8)), "v_t": np.ones((5, 8)), "terminated_t": np.zeros((5, 8), bool),
                 "truncated_t": np.zeros((5, 8), bool), "v_boot": np.ones(8), "discount": 0.9, "lambda_": 0.5},
        wrong_advantages,
    )  # fmt: skip
