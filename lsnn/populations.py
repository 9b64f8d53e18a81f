"""The neurons of a network in groups of one model each, as the kernels see them."""

from collections.abc import Mapping, Sequence
from itertools import accumulate, pairwise
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


def group_of(
    model: HostModel, neurons: slice, given: Mapping[str, np.ndarray], learnt: Mapping[str, np.ndarray]
) -> Group:
    """A group of a network that holds `given` (N,) of each neuron and, in place of it, what has been `learnt`, (N,)."""
    values = {name: array[neurons] for name, array in given.items()}
    size = neurons.stop - neurons.start
    for name in model.model.learnt:
        own = model.parameters[name]
        start = values[name] if own is None else np.full(size, own)
        values[name] = learnt[name][neurons] if name in learnt else start
    return Group(model, neurons, values)


def parameter_of(group: Group, name: str) -> np.ndarray:
    """A parameter of the neurons of a group, SI, (n,); NaN if their model has none of that name."""
    own = group.model.parameters.get(name, np.nan)
    return group.given[name] if own is None or name in group.model.model.learnt else np.full(group.size, own)


def cells_of(groups: Sequence[Group], dt: float) -> Cells:
    """What the kernels need of the neurons, in double precision; dt in seconds."""
    rows, constants, n_constants = [], [np.empty(0)], 0
    for group, slots in zip(groups, slots_of(groups), strict=True):
        rows.append((group.neurons.start, group.neurons.stop, slots.start, n_constants))
        constants.append(group.model.constants(dt, group.given).ravel())
        n_constants += constants[-1].size
    refractory = [group.model.refractory_steps(dt, group.given) for group in groups]
    return Cells(np.array(rows, np.int64), np.concatenate(constants), np.concatenate(refractory))


def gradients_of_parameters(
    groups: Sequence[Group], dt: float, of_constants: np.ndarray, of_start: np.ndarray
) -> list[dict[str, np.ndarray]]:
    """dL/dp of each parameter of a group that learns, (n,), by its name.

    Args:
        of_constants: dL/d(constants of the cells), (n_constants,); of_start: dL/d(state variables at the start),
            (n_slots,).
    """
    found: list[dict[str, np.ndarray]] = []
    last = 0
    for group, slots in zip(groups, variables_of(groups), strict=True):
        first, last = last, last + len(group.model.constants(dt, group.given)) * group.size
        if not group.model.model.learnt or not group.size:
            found.append({})
            continue
        start = np.array([of_start[part] for part in slots.values()])
        constants = of_constants[first:last].reshape(-1, group.size)
        found.append(group.model.gradient_of_parameters(dt, group.given, constants, start))
    return found


def slots_of(groups: Sequence[Group]) -> list[slice]:
    """The slots of each group beyond those of the membranes."""
    ends = list(accumulate((group.model.n_extra * group.size for group in groups), initial=groups[-1].neurons.stop))
    return [slice(a, b) for a, b in pairwise(ends)]


def variables_of(groups: Sequence[Group]) -> list[dict[str, slice]]:
    """The slots of each state variable of each group, by its name in the equations."""
    found = []
    for group, slots in zip(groups, slots_of(groups), strict=True):
        starts = [slots.start + i * group.size for i in range(len(group.model.variables) - 1)]
        extra = [slice(start, start + group.size) for start in starts]
        found.append(dict(zip(group.model.variables, [group.neurons, *extra], strict=True)))
    return found


def sent_of(groups: Sequence[Group]) -> list[slice | None]:
    """The slots of what each group sends; None of one that spikes."""
    found: list[slice | None] = []
    for group, slots in zip(groups, slots_of(groups), strict=True):
        before = group.model.sent
        start = slots.start + (before or 0) * group.size
        found.append(None if before is None else slice(start, start + group.size))
    return found


def effect_of(groups: Sequence[Group], dt: float) -> np.ndarray:
    """The weight that lifts each neuron by one scale at most, (N,)."""
    return np.concatenate([group.model.effect(dt, group.given) for group in groups])
