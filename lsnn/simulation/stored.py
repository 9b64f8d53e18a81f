"""What stands in a record's file, read when it is asked for: arrays as xarray takes them, and spikes."""

import math
from functools import cached_property
from typing import Any

import h5py
import numpy as np
import xarray
from xarray.backends import BackendArray
from xarray.core import indexing

from lsnn.errors import InputError
from lsnn.files.sealed import open_sealed, readable
from lsnn.forecast import require_memory
from lsnn.simulation.record import Spikes

Key = tuple[Any, ...]  # numbers and slices, an axis each


class Stored(BackendArray):
    """An array in a file, of which no more is read than is asked for.

    Args:
        source: (E, T, ...). cells: where each byte of its last axis holds eight of so many cells; 0: it holds numbers.
    """

    def __init__(self, source: h5py.Dataset, cells: int = 0) -> None:
        self.source, self.cells, self.place = source, cells, (source.file.filename, source.name)
        self.shape = (*source.shape[:-1], cells) if cells else source.shape
        self.dtype = np.dtype(bool) if cells else source.dtype

    def __getitem__(self, key: Any) -> np.ndarray:
        if isinstance(key, indexing.ExplicitIndexer):
            found: np.ndarray = indexing.explicit_indexing_adapter(
                key, self.shape, indexing.IndexingSupport.BASIC, self.read
            )
            return found
        return self.read(key if isinstance(key, tuple) else (key,))

    def read(self, key: Key) -> np.ndarray:
        """What stands at numbers and slices of the axes.

        Raises:
            InputError: the record was closed, or there is no memory for so much.
        """
        path, name = self.place
        if not self.source:
            raise InputError(f"{path}: must be open to be read, was closed; lsnn.open_record opens it again")
        key = (*key, slice(None), slice(None), slice(None))[: len(self.shape)]
        whole = (*key[:2], slice(None)) if self.cells else key  # bits of all cells are unpacked
        lengths = [len(range(n)[part]) for part, n in zip(whole, self.shape, strict=True) if isinstance(part, slice)]
        require_memory(f"{name[1:]} of the record", 2.0 * math.prod(lengths) * self.dtype.itemsize)
        with readable(f"{path}: {name}"):
            if not self.cells:
                return np.asarray(self.source[key])
            packed = np.asarray(self.source[key[:2]])
        return np.unpackbits(packed, axis=-1, count=self.cells, bitorder="little").astype(bool)[..., key[2]]

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        return self.read(()).astype(self.dtype if dtype is None else dtype, copy=False)

    def __reduce__(self) -> Any:
        """A copy reads the same file."""
        return _opened, (*self.place, self.cells)

    def lazily(self) -> Any:
        """As a variable of xarray's takes it: what is written to it goes into a copy in memory."""
        lazy: Any = indexing.LazilyIndexedArray(self)
        return indexing.CopyOnWriteArray(lazy)


def _opened(path: str, name: str, cells: int) -> Stored:
    """An array of a record, from its file."""
    file = open_sealed(path)
    with readable(f"{path}: {name}"):
        return Stored(file[name], cells)


class StoredSpikes(Spikes):
    """Spikes in a file; rows and arrays of them are read when they are asked for.

    Args:
        stored: truths (episode, step, cell). counts: spikes of each cell, (cells,). The rest as of `Spikes`.
    """

    def __init__(self, stored: Stored, counts: np.ndarray, kinds: np.ndarray, axis: str, told: str) -> None:
        episodes, steps, _ = stored.shape
        super().__init__(np.empty((3, 0), np.int32), episodes, steps, kinds, axis, told)
        self._stored, self._counts = stored, counts

    @property
    def counts(self) -> np.ndarray:
        """How many each cell had, (cells,)."""
        return self._counts.copy()

    def __len__(self) -> int:
        return int(self._counts.sum())

    @cached_property
    def _all(self) -> np.ndarray:
        require_memory(f"{len(self)} spikes as rows", 48.0 * len(self))
        parts = [rows_of(self._stored, np.array([episode])) for episode in range(self.n_episodes)]
        for episode, part in enumerate(parts):
            part[0] = episode
        return np.concatenate(parts, axis=1)

    @property
    def rows(self) -> np.ndarray:
        """Episode, time in ms and cell of each spike, (3, S) int32."""
        return self._all

    def to_xarray(self) -> xarray.DataArray:
        """True where a cell spiked, (episode, time, neuron or cell); read from the file where it is asked for."""
        return self._named(self._stored.lazily())


STEPS = 2**14  # of spikes that are unpacked at once


def rows_of(stored: Stored, chosen: np.ndarray) -> np.ndarray:
    """The spikes of some episodes, which count from 0, as rows (3, S): episode, step, cell."""
    found = [np.empty((3, 0), np.int32)]
    for i, episode in enumerate(chosen.tolist()):
        for first in range(0, stored.shape[1], STEPS):
            step, cell = np.nonzero(stored[episode, first : first + STEPS])
            found.append(np.stack([np.full(len(step), i), step + first, cell]).astype(np.int32))
    return np.concatenate(found, axis=1)
