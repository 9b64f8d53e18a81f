"""The conditions of the store-recall test: the network and its controls."""

from collections.abc import Sequence

import h5py
import numpy as np

from lsnn import store
from runs.evaluate import NETWORKS, Session
from runs.progress import Meter
from runs.trial_conditions import episodes_of
from tasks.store_recall import recalls_table

EPISODES = 512
CONDITIONS = {name: NETWORKS[name] for name in ("frozen", "state_reset", "untrained")}
YARDSTICKS: tuple[str, ...] = ()

_UNITS = {"episode": "1", "time_ms": "ms", "delay_ms": "ms", "bit": "1", "answer": "1", "right": "1"}
_DESCRIPTIONS = {
    "episode": "number of the episode",
    "time_ms": "the step at which the answer was read",
    "delay_ms": "from the end of STORE to the beginning of RECALL",
    "bit": "the bit that was to be kept",
    "answer": "readout: above 0 names bit 1, below 0 bit 0",
    "right": "whether it named the bit",
}


def run_conditions(session: Session, result: h5py.File, names: Sequence[str], shown: Meter) -> None:
    """The named conditions of the network on the same episodes."""
    for number, name in enumerate(names):
        group, tables = result.create_group(name), []
        for first, n, block in episodes_of(session, group, name, shown, number / len(names), 1 / len(names)):
            states, answer = block.trace.task_state.swapaxes(0, 1)[:n], block.trace.action[..., 0].T[:n]
            table = recalls_table(session.task, states, answer)
            table["episode"] += first
            tables.append(np.rec.fromarrays(
                [table["episode"], table["end_ms"] - 1, table["delay_ms"], table["bit"], table["answer"],
                 ~table["wrong"]],
                names=list(_UNITS),
            ))  # fmt: skip
        store.put(group, "episode_key", session.keys, "1", "keys of the episodes; equal keys, equal streams")
        store.put_table(group, "recalls", np.concatenate(tables), _UNITS, _DESCRIPTIONS)
