"""Attacks on the compiled functions of the families, on their baselines, and on their Gymnasium environments."""

import importlib
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from itertools import islice
from types import ModuleType
from typing import Any

import numpy as np

from tasks import store_recall
from tasks.angle_recall import task as angle_recall
from tasks.bandit import task as bandit
from tasks.bandit.baselines import gittins_table, play
from tasks.encoders import CoordinateCells, FlagCells, GaussianPopulation, PlaceCells, RingCells
from tasks.environment import BanditEnv, BanditVectorEnv, WaterMazeEnv, WaterMazeVectorEnv
from tasks.graph_walk import task as graph_walk
from tasks.harlow import baselines as of_harlow
from tasks.harlow import task as harlow
from tasks.induction import task as induction
from tasks.regression import task as regression
from tasks.water_maze import dynamics as water_maze
from tasks.water_maze.baselines import baseline_comparison, best_circle, swim
from tasks.water_maze.task import WaterMaze
from tests.attacks import wrong
from tests.attacks.attack import Attack
from tests.attacks.wrong import Labelled, Pairs, named

KEYS = np.arange(8, dtype=np.uint64)
MAZE = WaterMaze(duration_ms=10)
BANDIT = bandit.Bandit(trials=4, trial_ms=3)
REVERSING = bandit.Bandit(arms="reversing", trials=4, trial_ms=3)
HARLOW = harlow.Harlow(trials=2, phase_ms=1)
STREAM = store_recall.StoreRecall(slot_ms=2, delay_max=2, answer_ms=1, duration_ms=20)
FAMILIES: dict[ModuleType, list[Any]] = {
    water_maze: [MAZE],
    bandit: [BANDIT, REVERSING],
    harlow: [HARLOW],
    store_recall: [STREAM],
    angle_recall: [angle_recall.AngleRecall(2, 1, 3, 2, 1)],
    graph_walk: [graph_walk.GraphWalk(2, 4, 2, 3, answer_ms=1)],
    induction: [induction.Induction(2, 1, 2, answer_ms=1, dark_ms=1)],
    regression: [
        regression.Regression(name, samples=3, latent_weight=w) for name in regression.FUNCTIONS for w in (0, 1)
    ],
}
ENCODERS = (
    CoordinateCells(5),
    PlaceCells(4),
    GaussianPopulation((0.0, 0.0, 0.0), (1.0, 1.0, 1.0), 5, 500.0, 3),
    FlagCells(("a", "b", "c"), 4),
    RingCells(5, cue_cells=2),
)


def exact(array: np.ndarray) -> Iterator[Labelled]:
    """All that is wrong in place of a row of so many float64 that compiled code takes as it lies in memory."""
    return (each for each in wrong.of_array(array, written=False) if each[0] != "every other place")


def at_least(array: np.ndarray) -> Iterator[Labelled]:
    """The same where a longer row does no harm."""
    return (each for each in exact(array) if "of length" not in each[0] or "of length 0" in each[0])


def arguments_of(task: Any, name: str, module: ModuleType) -> dict[str, Any]:
    """Good arguments of a compiled function of a family."""
    state = np.zeros(task.n_state)
    module.begin(np.uint64(3), task.parameters(), state)
    every = {
        "key": np.uint64(3), "t": 1, "parameters": task.parameters(), "state": state,
        "observation": np.zeros(task.n_observation), "action": np.zeros(task.n_action),
        "target": np.zeros(task.n_target),
    }  # fmt: skip
    return {argument: every[argument] for argument in getattr(module, name).names}


def wrong_calls(good: dict[str, Any], loose: tuple[str, ...] = ()) -> Pairs:
    """Each argument of a compiled function wrong in every way."""
    for argument, value in good.items():
        if argument in ("key", "t"):
            yield from named(**{argument: wrong.of_integer()})
        else:
            yield from named(**{argument: at_least(value) if argument in loose else exact(value)})
    yield from (("more", (label, value)) for label, value in (("an argument too many", 1),))


def dynamics() -> Iterator[Attack]:
    """The four functions of every family."""
    for module, members in FAMILIES.items():
        for task in members:
            for name in ("begin", "observe", "transition", "target"):
                function = getattr(module, name)
                loose = ("action", *("target",) * (module is regression)) if module is not water_maze else ()
                yield Attack(
                    f"{module.__name__}.{name}", lambda _f=function, **given: done(_f, given),
                    lambda _t=task, _n=name, _m=module: arguments_of(_t, _n, _m),
                    lambda good, _l=loose: wrong_calls(good, _l),
                )  # fmt: skip


def done(function: Callable, given: dict[str, Any]) -> Any:
    """A call by name; nothing is returned that only its arrays hold."""
    function(**given)
    return 0


def parts_of_families() -> Iterator[Attack]:
    """Compiled functions of a family beside its four."""
    state = np.zeros(bandit.N_STATE)
    yield Attack(
        "pull", bandit.pull, lambda: {"key": np.uint64(1), "arm": 1, "state": state.copy()},
        lambda good: named(key=wrong.of_integer(), arm=(*wrong.of_integer(), ("a third", 2)), state=exact(state)),
    )  # fmt: skip
    numbers = BANDIT.parameters()
    yield Attack(
        "move_arms", lambda **given: done(bandit.move_arms, given),
        lambda: {"key": np.uint64(1), "parameters": numbers, "state": state.copy()},
        lambda good: named(key=wrong.of_integer(), parameters=exact(numbers), state=exact(state)),
    )  # fmt: skip
    yield Attack(
        "in_volatile_block", bandit.in_volatile_block,
        lambda: {"key": np.uint64(1), "trial": 3, "parameters": numbers},
        lambda good: named(key=wrong.of_integer(), trial=wrong.of_integer(), parameters=exact(numbers)),
    )  # fmt: skip
    no_arms = [(str(x), np.array([x, 0.0])) for x in (-1.0, 2.0, 0.5, np.nan, np.inf, -1e300)]
    yield Attack(
        "bandit.transition with an arm",
        lambda action: bandit.transition(np.uint64(1), 0, action, BANDIT.parameters(), state.copy())[0],
        lambda: {"action": np.zeros(2)}, lambda good: named(action=no_arms),
    )  # fmt: skip
    yield Attack(
        "is_held_out", harlow.is_held_out, lambda: {"code": 5},
        lambda good: named(code=(*wrong.of_integer(), ("one too many", harlow.N_CODES))),
    )  # fmt: skip
    yield Attack(
        "harlow.transition with a side",
        lambda action: harlow.transition(np.uint64(1), 0, action, HARLOW.parameters(), np.zeros(harlow.N_STATE))[0],
        lambda: {"action": np.zeros(2)}, lambda good: named(action=no_arms),
    )  # fmt: skip
    for kind in range(len(regression.FUNCTIONS)):
        yield from functions_of_a_kind(kind)
    no_kinds = [(str(x), np.array([x, 20.0, 5.0, 0.0, 1.0])) for x in (-1.0, 4.0, 0.5, np.nan, 1e300)]
    arrays = {"state": np.zeros(regression.N_STATE), "observation": np.zeros(2)}
    yield Attack(
        "regression.observe of a kind",
        lambda parameters: done(regression.observe, arrays | {"parameters": parameters}),
        lambda: {"parameters": FAMILIES[regression][0].parameters()}, lambda good: named(parameters=no_kinds),
    )  # fmt: skip


def functions_of_a_kind(kind: int) -> Iterator[Attack]:
    """What is compiled for one kind of functions."""
    c, x = np.ones(regression.N_COEFFICIENTS[kind]), np.ones(regression.DIMENSIONS[kind])
    found, kinds = np.ones(regression.N_LATENT[kind]), (*wrong.of_integer(), ("a fifth", 4))
    yield Attack(
        f"evaluate {kind}", regression.evaluate, lambda: {"kind": kind, "c": c, "x": x},
        lambda good: named(kind=kinds, c=at_least(c), x=at_least(x)),
    )  # fmt: skip
    yield Attack(
        f"latent {kind}", lambda **given: done(regression.latent, given),
        lambda: {"kind": kind, "c": c, "found": found},
        lambda good: named(kind=kinds, c=at_least(c), found=exact(found)),
    )  # fmt: skip
    yield Attack(
        f"draw_function {kind}", lambda **given: done(regression.draw_function, given),
        lambda: {"key": np.uint64(1), "kind": kind, "active": 2, "coefficients": c},
        lambda good: named(key=wrong.of_integer(), kind=kinds, active=wrong.of_integer(1), coefficients=exact(c)),
    )  # fmt: skip


def cells() -> Iterator[Attack]:
    """The compiled encoders."""
    for encoder in ENCODERS:
        function = getattr(importlib.import_module(encoder.module), encoder.function)
        call, make = partial(encoded, function), partial(arguments_of_cells, encoder)
        yield Attack(encoder.function, call, make, wrong_cells)


def arguments_of_cells(encoder: Any) -> dict[str, Any]:
    return {
        "key": np.uint64(1), "t": 0, "observation": np.ones(encoder.n_observation), "bit": np.uint8(1),
        "parameters": encoder.parameters(), "spikes": np.zeros(encoder.n_inputs, np.uint8),
    }  # fmt: skip


def encoded(function: Callable, **given) -> np.ndarray:
    function(**given)
    return given["spikes"]


def wrong_cells(good: dict[str, Any]) -> Pairs:
    parameters, spikes = good["parameters"], good["spikes"]
    yield from named(key=wrong.of_integer(), t=wrong.of_integer(), bit=(*wrong.of_integer(), ("nine bits", 256)))
    observations = at_least(good["observation"])
    if len(parameters) == 2:  # of flags: those of any number are good
        observations = (each for each in observations if "of length" not in each[0])
    yield from named(observation=observations, parameters=strange_parameters(parameters))
    for label, value in wrong.of_array(spikes):
        if "place" not in label and "axis 0" not in label:  # of any length: what lies beyond is never written
            yield "spikes", (label, value)


def strange_parameters(parameters: np.ndarray) -> Iterator[Labelled]:
    yield from (each for each in at_least(parameters))
    for place in range(len(parameters)):
        for number in (np.nan, np.inf):
            changed = parameters.copy()
            changed[place] = number
            yield f"{number} at {place}", changed


def baselines() -> Iterator[Attack]:
    """Scripted baselines and baselines."""
    yield Attack(
        "swim", lambda **given: list(swim(**given)),
        lambda: {"baseline": "memory", "keys": KEYS, "task": MAZE, "circle": 0.5},
        lambda good: named(baseline=(*wrong.no_arrays(), ("unknown", "fish")), keys=wrong.of_any_keys(),
                           task=(*wrong.no_arrays(), ("a bandit", BANDIT)), circle=wrong.of_number(0.0)),
        lambda good: named(keys=(("a list", KEYS.tolist()), ("strided", wrong.strided(KEYS)))),
    )  # fmt: skip
    yield Attack(
        "best_circle", best_circle, lambda: {"keys": KEYS, "task": MAZE, "radii": [0.2, 0.5]},
        lambda good: named(keys=wrong.of_any_keys(), task=(*wrong.no_arrays(), ("a bandit", BANDIT)),
                           radii=(("a text", "text"), ("none at all", []), ("NaN", [np.nan]), ("negative", [-0.1]))),
    )  # fmt: skip
    yield Attack(
        "baselines", lambda **given: len(baseline_comparison(**given)), lambda: {"keys": KEYS, "task": MAZE},
        lambda good: named(keys=wrong.of_any_keys(), task=(*wrong.no_arrays(), ("a bandit", BANDIT))),
    )  # fmt: skip
    for baseline in ("gittins", "thompson"):
        yield Attack(
            f"play {baseline}", lambda **given: list(play(**given)),
            lambda _p=baseline: {"baseline": _p, "keys": KEYS, "task": BANDIT},
            lambda good: named(baseline=(*wrong.no_arrays(), ("unknown", "fish")), keys=wrong.of_any_keys(),
                               task=(*wrong.no_arrays(), ("a maze", MAZE))),
        )  # fmt: skip
    for baseline in ("bayes", "thompson"):
        yield Attack(
            f"play {baseline} on reversing arms", lambda **given: list(play(**given)),
            lambda _p=baseline: {"baseline": _p, "keys": KEYS, "task": REVERSING},
            lambda good: named(baseline=(*wrong.no_arrays(), ("unknown", "fish"), ("another", "ucb1")),
                               keys=wrong.of_any_keys(), task=(*wrong.no_arrays(), ("a maze", MAZE))),
        )  # fmt: skip
    yield Attack(
        "play win-stay", lambda **given: list(of_harlow.play(**given)),
        lambda: {"baseline": "win_stay", "keys": KEYS, "task": HARLOW},
        lambda good: named(baseline=(*wrong.no_arrays(), ("unknown", "fish")), keys=wrong.of_any_keys(),
                           task=(*wrong.no_arrays(), ("a maze", MAZE))),
    )  # fmt: skip
    yield Attack(
        "gittins_table", gittins_table, lambda: {"trials": 3, "discount": 0.9},
        lambda good: named(
            trials=(each for each in wrong.of_integer(1) if hashable(each)),
            discount=(*(each for each in wrong.of_number(0.0) if hashable(each)), ("1", 1.0), ("0", 0.0)),
        ),
    )  # fmt: skip
    keyed: Iterable[tuple[str, Callable]] = (
        ("Bandit.probabilities", BANDIT.probabilities),
        ("Harlow.drawn", lambda keys: list(HARLOW.drawn(keys))),
        ("Regression.examples", lambda keys: list(FAMILIES[regression][0].examples(keys))),
    )
    for name, function in keyed:
        yield Attack(name, function, lambda: {"keys": KEYS}, lambda good: named(keys=wrong.of_any_keys()))
    for name, task in (("Regression.stream", FAMILIES[regression][0]), ("StoreRecall.stream", STREAM)):
        yield Attack(
            name, lambda key, _t=task: [tuple(each)[0] for each in islice(_t.stream(key), 3)], lambda: {"key": 5},
            lambda good: named(key=wrong.of_integer()),
        )  # fmt: skip


def hashable(labelled: Labelled) -> bool:
    """Whether a value can be looked up among those met before, as a cached function does first."""
    return labelled[1].__hash__ is not None


def environments() -> Iterator[Attack]:
    """The Gymnasium environments."""

    def steps(env, action) -> list[Any]:
        env.reset(seed=1)
        return list(env.step(action)[:2])

    action = np.array([0.3, -0.2])
    finite = (("NaN", action * np.nan), ("infinite", action * np.inf))
    yield Attack(
        "WaterMazeEnv.step", lambda action: steps(WaterMazeEnv(duration_ms=10), action), lambda: {"action": action},
        lambda good: named(action=(*wrong.of_numbers(action), *finite)),
        lambda good: named(action=(("a list", action.tolist()), ("strided", wrong.strided(action)))),
    )  # fmt: skip
    actions = np.tile(action, (3, 1))
    yield Attack(
        "WaterMazeVectorEnv.step", lambda action: steps(WaterMazeVectorEnv(3, duration_ms=10), action),
        lambda: {"action": actions}, lambda good: named(action=(*wrong.of_numbers(actions), ("NaN", actions * np.nan))),
        lambda good: named(action=(("by columns", np.asfortranarray(actions)), ("strided", wrong.strided(actions)))),
    )  # fmt: skip
    yield Attack(
        "WaterMazeVectorEnv.reset", lambda key: list(WaterMazeVectorEnv(3).reset(options={"key": key})[:1]),
        lambda: {"key": KEYS[:3]},
        lambda good: named(key=(each for each in wrong.of_keys(KEYS[:3]) if each[1] is not None)),
    )  # fmt: skip
    yield Attack(
        "WaterMazeEnv.reset", lambda key: list(WaterMazeEnv().reset(options={"key": key})[:1]), lambda: {"key": 3},
        lambda good: named(key=(each for each in wrong.of_integer() if each[1] is not None)),
    )  # fmt: skip
    yield Attack(
        "BanditEnv.step", lambda action: steps(BanditEnv(trials=3), action), lambda: {"action": 1},
        lambda good: named(action=(each for each in wrong.of_integer() if each[0] != "a truth")),
    )  # fmt: skip
    arms = np.array([0.0, 1.0, 1.0])
    yield Attack(
        "BanditVectorEnv.step", lambda action: steps(BanditVectorEnv(3, trials=3), action), lambda: {"action": arms},
        lambda good: named(action=(*wrong.of_numbers(arms), ("a third arm", arms + 1), ("half an arm", arms / 2),
                                   ("NaN", arms * np.nan), ("infinite", arms + np.inf))),
        lambda good: named(action=(("a list", arms.tolist()), ("whole", arms.astype(int)))),
    )  # fmt: skip


def attacks() -> Iterator[Attack]:
    """Every way into compiled code by a family."""
    for group in (dynamics, parts_of_families, cells, baselines, environments):
        yield from group()
