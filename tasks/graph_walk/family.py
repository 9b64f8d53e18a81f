"""The graph walk as a family: a trial a move, to a room at first sight or to one visited before."""

from functools import partial

import numpy as np

from tasks.family import Baseline, Family, Knows, Measure, Played, Trace, Variant, require_acted
from tasks.graph_walk.baselines import last_visits, play, seen
from tasks.graph_walk.environment import ENVIRONMENT
from tasks.graph_walk.presets import PRESETS
from tasks.graph_walk.task import LARGEST_SIDE, SIDE, STEP, SYMBOLS, VISIT, GraphWalk

TRIAL_DTYPE = np.dtype(
    [
        ("episode", np.int32),
        ("trial", np.int32),
        ("start_ms", np.int32),
        ("end_ms", np.int32),
        ("side", np.int8),
        ("room", np.int8),
        ("east", np.int8),
        ("south", np.int8),
        ("symbol", np.int8),
        ("known", np.bool_),
        ("visits_back", np.int32),
        ("answer", np.int8),
        ("correct", np.bool_),
        ("cross_entropy", np.float64),
    ]
)
COLUMNS = {
    "side": ("1", "rooms along a side of this episode's grid"),
    "room": ("1", "the room that the move leads to, counted row by row"),
    "east": ("1", "how far east of the first room it is"),
    "south": ("1", "how far south of it"),
    "symbol": ("1", "its symbol, 0 to 9"),
    "known": ("1", "whether it was visited before; else it is met for the first time"),
    "visits_back": ("1", "visits since then; 0 at first sight"),
    "answer": ("1", "the symbol that the readout names"),
    "correct": ("1", "whether it is that of the room"),
    "cross_entropy": ("nat", "minus the log of the probability that the readout gives to the symbol"),
}
LEAST = 1e-12  # probability: a baseline that is sure has a finite cross-entropy


def moves_in(task: GraphWalk, walks: np.ndarray) -> np.ndarray:
    """The table of the moves of walks (E, V + 1, N_STATE), answers left open."""
    room, symbol, _ = seen(walks)
    last, (episodes, moves) = last_visits(walks), (len(walks), walks.shape[1] - 1)
    side = walks[:, 0, SIDE].astype(np.intp)
    table = np.zeros(episodes * moves, TRIAL_DTYPE)
    table["episode"], table["trial"] = np.repeat(np.arange(episodes), moves), np.tile(np.arange(moves), episodes)
    table["start_ms"], table["end_ms"] = table["trial"] * task.visit_ms, (table["trial"] + 1) * task.visit_ms
    table["side"], table["room"] = np.repeat(side, moves), room[:, 1:].ravel()
    first, now = room[:, :1], room[:, 1:]
    table["east"] = (now % side[:, None] - first % side[:, None]).ravel()
    table["south"] = (now // side[:, None] - first // side[:, None]).ravel()
    table["symbol"], table["known"] = symbol[:, 1:].ravel(), (last >= 0).ravel()
    table["visits_back"] = np.where(last >= 0, np.arange(1, moves + 1) - last, 0).ravel()
    return table


def answered(table: np.ndarray, log_p: np.ndarray) -> np.ndarray:
    """The table with what was answered, from log probabilities of each symbol (rows, SYMBOLS)."""
    table["answer"] = log_p.argmax(axis=1)
    table["correct"] = table["answer"] == table["symbol"]
    table["cross_entropy"] = -log_p[np.arange(len(table)), table["symbol"]]
    return table


def trials_of(task: GraphWalk, states: np.ndarray, trace: Trace) -> np.ndarray:
    """The table of recorded episodes: the answer is read in the last step of a visit."""
    table = moves_in(task, states[:, :: task.visit_ms])
    known = table[table["known"]]
    require_acted(trace, known["episode"], known["end_ms"] - 1)
    y = trace.action[table["episode"], table["end_ms"] - 1].astype(float)
    y = y - y.max(axis=1, keepdims=True)
    return answered(table, y - np.log(np.exp(y).sum(axis=1, keepdims=True)))


def steps_to_visit(task: GraphWalk, states: np.ndarray) -> np.ndarray:
    """Steps to the end of the visit, (n,)."""
    return np.maximum(1, task.visit_ms - states[:, STEP]).astype(int)


def played(name: str, task: GraphWalk, keys: np.ndarray) -> Played:
    """The episodes of one baseline."""
    walks = task.walks(keys)
    log_p = np.log(np.maximum(play(name, walks), LEAST))
    return Played(answered(moves_in(task, walks), log_p.reshape(-1, SYMBOLS)))


def has_side(side: int, task: GraphWalk) -> bool:
    """Whether a task has grids of this side."""
    return task.side_min <= side <= task.side_max


BASELINES: tuple[tuple[str, str, Knows], ...] = (
    ("most_frequent", "most frequent symbol", "the prior"),
    ("transitions", "symbol and move", "the prior"),
    ("map", "map", "the latent"),
)

FAMILY = Family(
    task=GraphWalk,
    trials=trials_of,
    measures=(
        Measure("accuracy", "right answers", format=".3f", chance=1 / SYMBOLS, column="correct", among="known"),
        Measure("cross_entropy", "cross-entropy", "nat", ".3f", "low", among="known"),
    ),
    title="Walks on graphs with frozen weights",
    question="Each episode is a walk on a grid whose rooms have symbols of their own: which symbol comes next, in a "
    "room that was visited before? No weight changes: the map is kept in the state.",
    columns=COLUMNS,
    history=(Measure("accuracy", "right answers", format=".3f", chance=1 / SYMBOLS),),
    presets=PRESETS,
    baselines={name: Baseline(label, knows, partial(played, name)) for name, label, knows in BASELINES},
    oracle="map",
    variants={
        f"side_{side}": Variant(f"{side} x {side} rooms", {"side_min": side, "side_max": side}, partial(has_side, side))
        for side in range(2, LARGEST_SIDE + 1)
    },
    trial_counter=VISIT,
    steps_to_trial=steps_to_visit,
    environment=ENVIRONMENT,
    episodes=512,
)
