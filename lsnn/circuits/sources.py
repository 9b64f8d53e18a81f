"""Spikes and drive that a population has of itself: checked against its cells."""

from typing import Any

import numpy as np

from lsnn.circuits.parts import Population, Rates, Steps, Times
from lsnn.errors import InputError
from lsnn.neurons import NeuronModel
from lsnn.validation import numbers_of, require, require_number

LONGEST_S = 1e9
HIGHEST_HZ = 1e12


def require_source(p: Population, dt: float) -> None:
    """InputError unless spike times or rates fit the input cells of a population; dt in seconds."""
    name = f"source of {p.name}"
    if isinstance(p.source, Rates):
        hertz = numbers_of(f"{name}, rates", p.source.hertz, (p.size,))
        rule = f"from 0 to {HIGHEST_HZ:g} Hz"
        require(bool(((hertz >= 0) & (hertz <= HIGHEST_HZ)).all()), f"{name}, rates", rule, hertz)
    elif isinstance(p.source, Times):
        _require_times(name, p.source, p.size, dt)
    else:
        raise InputError(f"{name} must be spike times, rates or None, received {p.source!r:.80}")


def _require_times(name: str, times: Times, size: int, dt: float) -> None:
    cells: Any = np.asarray(times.cells)
    whole = cells.ndim == 1 and (cells.dtype.kind in "iu" or cells.size == 0)
    within = whole and (cells.size == 0 or (cells.min() >= 0 and cells.max() < size))
    require(bool(within), f"{name}, cells", f"a row of whole numbers from 0 to {size - 1}", cells)
    seconds = numbers_of(f"{name}, times", times.seconds, cells.shape)
    within = bool(((seconds >= 0) & (seconds <= LONGEST_S)).all())
    require(within, f"{name}, times", f"from 0 to {LONGEST_S:g} s", seconds)
    if times.period is not None:
        require_number(f"{name}, period", times.period, dt, LONGEST_S)


def require_own_drive(p: Population, name: str, steps: Any) -> None:
    """InputError unless values of a driven variable fit the neurons of a population."""
    what = f"drive of {p.name}"
    assert isinstance(p.model, NeuronModel)
    require(name in p.model.driven, what, f"of driven variables among {', '.join(p.model.driven) or 'none'}", name)
    require(isinstance(steps, Steps), f"{what}, {name}", "of class Steps", steps)
    require_number(f"{what}, {name}, seconds", steps.seconds, 1e-12, LONGEST_S)
    values: Any = np.asarray(steps.values)
    fits = values.ndim in (1, 2) and len(values) > 0 and values.shape[1:] in ((), (p.size,))
    sound = fits and values.dtype.kind in "iuf" and bool(np.isfinite(values).all())
    require(sound, f"{what}, {name}", f"finite numbers of shape (m,) or (m, {p.size})", values)
