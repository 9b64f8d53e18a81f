"""The neurons of a network in groups of one model each, as the kernels see them."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from lsnn.equations.host import HostModel
from lsnn.kernels.layout import Cells


class Group(NamedTuple):
    """Neurons of one model, side by side."""

    model: HostModel
    neurons: slice
    given: Mapping[str, np.ndarray]  # parameters that the network holds, SI, (n,) each

    @property
    def size(self) -> int:
        """Neurons of the group."""
        return self.neurons.stop - self.neurons.start


def cells_of(groups: Sequence[Group], dt: float) -> Cells:
    """What the kernels need of the neurons, in double precision; dt in seconds."""
    rows, constants, n_constants = [], [np.empty(0)], 0
    for group, slots in zip(groups, slots_of(groups), strict=True):
        rows.append((group.neurons.start, group.neurons.stop, slots.start, n_constants))
        constants.append(group.model.constants(dt, group.given).ravel())
        n_constants += constants[-1].size
    refractory = [group.model.refractory_steps(dt, group.given) for group in groups]
    return Cells(np.array(rows, np.int64), np.concatenate(constants), np.concatenate(refractory))


def slots_of(groups: Sequence[Group]) -> list[slice]:
    """The slots of each group beyond those of the membranes."""
    ends = groups[-1].neurons.stop + np.cumsum([0, *(group.model.n_extra * group.size for group in groups)])
    return [slice(int(a), int(b)) for a, b in zip(ends[:-1], ends[1:], strict=True)]


def variables_of(groups: Sequence[Group]) -> list[dict[str, slice]]:
    """The slots of each state variable of each group, by its name in the equations."""
    found = []
    for group, slots in zip(groups, slots_of(groups), strict=True):
        starts = [slots.start + i * group.size for i in range(len(group.model.variables) - 1)]
        extra = [slice(start, start + group.size) for start in starts]
        found.append(dict(zip(group.model.variables, [group.neurons, *extra], strict=True)))
    return found


def effect_of(groups: Sequence[Group], dt: float) -> np.ndarray:
    """The weight that lifts each neuron by one scale at most, (N,)."""
    return np.concatenate([group.model.effect(dt, group.given) for group in groups])
