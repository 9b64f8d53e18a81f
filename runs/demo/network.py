"""A frozen network and its task as the script of a demo page reads them."""

import base64
from typing import Any

import numpy as np

from analysis.demo import Source
from lsnn.equations.javascript import javascript_of
from lsnn.kernels.layout import Rows
from lsnn.network import Network
from lsnn.task import Task
from lsnn.validation import require
from runs.demo.families import page_name

# those that the script knows
ENCODERS = ("encode_places", "encode_cued_places", "encode_coordinates", "encode_flags", "encode_ring")


def packed(array: np.ndarray, dtype: type) -> str:
    """An array as a text: its numbers in little-endian bytes, base64."""
    return base64.b64encode(np.ascontiguousarray(array, np.dtype(dtype).newbyteorder("<")).tobytes()).decode("ascii")


def source_of(network: Network, task: Task) -> Source:
    """The scripts of a network's page; raises InputError for a task of a family without a page."""
    models = network.config.models
    return Source(page_name(task), javascript_of(models), [model.name for model in models])


def network_data(network: Network) -> dict[str, Any]:
    """The network's numbers, as the compiled engine has them in single precision."""
    weights, config = network.weights(np.float32), network.config
    cells, readout = weights.cells, weights.readout
    return {
        "n_neurons": config.n_neurons, "n_in": network.n_in, "n_out": network.n_out, "n_slots": network.n_slots,
        "ring": network.ring, "models": [model.name for model in config.models],
        "cells": {
            "groups": packed(cells.groups, np.int32), "constants": packed(cells.constants, np.float32),
            "refractory": packed(cells.refractory, np.float32),
        },
        "inputs": _rows(weights.inputs), "recurrent": _rows(weights.recurrent),
        "readout": {name: packed(getattr(readout, name), np.float32) for name in readout._fields},
    }  # fmt: skip


def _rows(rows: Rows) -> dict[str, str]:
    kinds = {"start": np.int32, "offset": np.int32, "weight": np.float32}
    return {name: packed(getattr(rows, name), kind) for name, kind in kinds.items()}


def task_data(task: Task) -> dict[str, Any]:
    """The task's numbers; raises InputError for an encoder that the script does not know."""
    require(task.encoder.function in ENCODERS, "task.encoder.kind", "cells that the page knows", task.encoder)
    return {
        "parameters": packed(task.parameters(), np.float64), "encoder": task.encoder.function,
        "encoder_parameters": packed(task.encoder.parameters(), np.float64),
        "channels": [[name, size] for name, size in task.encoder.channels], "duration_ms": task.duration_ms,
    }  # fmt: skip


def key_data(keys: np.ndarray) -> list[dict[str, int]]:
    """Keys (E,) uint64 in halves of 32 bits."""
    return [{"high": int(key) >> 32, "low": int(key) & 0xFFFFFFFF} for key in keys]
