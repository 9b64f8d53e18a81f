"""What the groups of a study file hold (docs/reference/files.md), checked before anything is said of it."""

from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple

import h5py

from analysis.maze import trials_of
from analysis.study.measures import kept_of
from lsnn.files.reading import COUNT, GAPS, ResultError, Rule, check_layout, names, number_attribute, place
from lsnn.files.results import Condition

BOOL = Rule(0, 1, whole=True, kinds="b")
INDEX = Rule(0, whole=True, kinds="iu")
STEP = Rule(-1, whole=True, kinds="iu")  # -1: never
REACHED = Rule(-1, 2, whole=True, kinds="iu")  # own, other's or neither platform; -1: not run
SPOT = Rule(-10, 10, gaps=True)  # pool radii; NaN: no platform
TIME = Rule(0, gaps=True)
DRAW = Rule(0, 2**20, whole=True, kinds="iu")


class Layout(NamedTuple):
    """Data sets with their axes and rules; attributes that list names of an axis, and those that are numbers.

    What is in `later` files of older versions have not.

    Groups below hold trials of episodes: those of the axis "animal". An axis "pair_animal" has two animals a pair.
    """

    data: Mapping[str, tuple[str, Rule]]
    names: Mapping[str, str] = {}
    numbers: Mapping[str, Rule] = {}
    later: Collection[str] = ()


VISITS = {name: ("point animal", INDEX) for name in ("visits", "circling", "oracle")}
WIRING = Layout(
    {name: ("synapse", INDEX) for name in ("source", "target")}
    | {name: ("synapse", GAPS) for name in ("weight", "initial_weight")}
    | {"in_degree": ("neuron", INDEX), "random_in_degree": ("draw neuron", INDEX)}
    | {"out_degree": ("cell", INDEX), "random_out_degree": ("draw cell", INDEX)},
    numbers={"n_inputs": Rule(0, 2**24, whole=True), "rewired": Rule(0, 1)},
)
LAYOUTS = {
    "ablation": Layout({"moment_ms": ("animal", STEP)}),
    "silence": Layout({"moment_ms": ("animal", STEP), "silent_ms": ("silence", INDEX)}),
    "clamp": Layout({"first_visit_ms": ("animal", STEP), "held_after_ms": ("delay", INDEX)}),
    "transplant": Layout(
        {"path": ("swap pair_animal step 2", SPOT), "platform": ("pair_animal 2", SPOT), "found": ("pair_animal", BOOL),
         "apart": ("pair_animal", BOOL)}, {"swaps": "swap"},
    ),
    "takeover": Layout(
        {"lag_ms": ("state", INDEX), "visits": ("state", INDEX), "reached": ("state swap pair_animal", REACHED),
         "moment_ms": ("state pair_animal", STEP), "apart": ("pair_animal", BOOL)}, {"swaps": "swap"},
    ),
    "one_visit": Layout(
        {"reached": ("dark change pair_animal", REACHED), "dark_ms": ("dark", INDEX), "rate_hz": ("dark", TIME),
         "found": ("pair_animal", BOOL), "apart": ("pair_animal", BOOL), "straight": ("pair_animal", REACHED),
         "search_ms": ("dark pair_animal", TIME), "shortest_ms": ("pair_animal", TIME)},
        {"changes": "change"}, {"watched_ms": COUNT}, later=("straight", "search_ms", "shortest_ms"),
    ),
    "decoding": Layout(
        {name: (f"arm lag animal {features}", GAPS)
         for name, features in (("v", "neuron"), ("spikes", "neuron"), ("place", "2"))}
        | {"platform": ("animal 2", SPOT), "lag_ms": ("lag", INDEX)}, {"arms": "arm"},
    ),
    "retention": Layout(
        {"dark_ms": ("dark", INDEX), "search_ms": ("arm 2 dark animal", TIME), "valid": ("arm animal", BOOL)},
        {"arms": "arm"}, {"tau_a_ms": TIME},
    ),
    "reversal": Layout(
        {"found_before": ("animal", BOOL), "path": ("animal step 2", SPOT), "old_platform": ("animal 2", SPOT),
         "new_platform": ("animal 2", SPOT)}, numbers={"reversal_ms": COUNT},
    ),
    "probe": Layout(
        {"found_before": ("animal", BOOL), "platform": ("animal 2", SPOT), "path": ("state animal step 2", SPOT)},
        {"states": "state"},
    ),
    "generalisation": Layout(
        VISITS | {"curve": ("point", INDEX), "value": ("point", GAPS), "draw": ("animal", DRAW)},
        numbers={"trained_radius": Rule(0, 1)},
    ),
    "wedge": Layout({name: ("place animal", INDEX) for name in ("visits", "circling", "oracle")}),
    "tau_a": Layout(
        {"tau_a_ms": ("network", TIME), "dark_ms": ("dark", INDEX), "search_ms": ("network 2 dark animal", TIME)}
    ),
    "controls": Layout(
        {"visits": ("network 2 animal", INDEX), "circling": ("animal", INDEX), "oracle": ("animal", INDEX)},
        {"networks": "network"},
    ),
    "wiring": WIRING,
    "wiring_rewired": WIRING,
}  # fmt: skip


ALWAYS = {
    "transplant": {"none", "everything"},
    "takeover": {"v", "b", "all_but_b", "dark_500"},
    "one_visit": {"none", "everything exchanged"},
}  # by experiment, names that each has


def check_experiment(group: h5py.Group, name: str) -> None:
    """ResultError unless the group of an experiment holds what its layout says."""
    layout, lengths = LAYOUTS[name], dict[str, int]()
    kept = kept_of(group) if name == "decoding" else ()  # the variables beside the membranes that are to be read
    there = {each: rule for each, rule in layout.data.items() if each in group or each not in layout.later}
    data = there | {each: (f"arm lag animal {each}", GAPS) for each in kept}
    check_layout(group, data, lengths)
    if lengths.get("pair_animal", 0) % 2:
        raise ResultError(f"{place(group)}: must hold two animals a pair, holds {lengths['pair_animal']}")
    for attribute, axis in layout.names.items():
        _check_names(group, name, attribute, lengths[axis])
    for attribute, bounds in layout.numbers.items():
        number_attribute(group, attribute, bounds)
    for condition in group.values():
        if isinstance(condition, h5py.Group):
            _check_condition(condition, lengths.get("animal"))


def _check_names(group: h5py.Group, experiment: str, attribute: str, length: int) -> None:
    listed, rule = names(group, attribute), ""
    if len(listed) != length or len(set(listed)) < len(listed):
        rule = f"{length} names, each once"
    elif missing := sorted(_compared(experiment, listed) - set(listed)):
        rule = f"names that hold {', '.join(missing)}, which others are compared with"
    if rule:
        raise ResultError(f"{place(group)}, attribute {attribute!r}: must be {rule}, is {listed!r:.200}")


def _compared(experiment: str, listed: Sequence[str]) -> set[str]:
    """Names that an experiment has to have beside those listed: what each is compared with."""
    variables = {name.removeprefix("all_but_") for name in listed if name.startswith("all_but_")}
    alone = {name.removesuffix("_alone").removeprefix("other_") for name in listed if name.endswith("_alone")}
    pairs = {f"{whose}{name}_alone" for name in alone for whose in ("", "other_")}
    return ALWAYS.get(experiment, set()) | variables | pairs


def _check_condition(group: h5py.Group, animals: int | None) -> None:
    found = Condition(group, group.name)
    if animals not in (None, found.n_episodes):
        raise ResultError(f"{place(group)}: must hold {animals} animals, holds {found.n_episodes}")
    trials_of(found)  # checked where it is read
