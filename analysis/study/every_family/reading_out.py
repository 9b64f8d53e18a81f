"""Decoding: how well a linear reader finds the latent in the state, after some time in the dark."""

import functools
from collections.abc import Iterator, Mapping
from typing import NamedTuple

import numpy as np
from matplotlib.figure import Figure
from sklearn.linear_model import RidgeCV
from sklearn.model_selection import KFold, cross_val_predict
from threadpoolctl import threadpool_limits

from analysis.claims import SHARE_MARGIN, claim, sort_out
from analysis.study.decoding import FOLDS, PENALTIES, READ, in_standard_units, noise_floor
from analysis.study.every_family.conditions import COLOURS, WATCHED, percent
from analysis.study.interventions import band
from analysis.study.measures import Claims, Outcomes, TooFew, array, called, enough, mean, ratio
from analysis.style import BLUE, DARK, VERMILLION, add_footer, new_figure, styled
from analysis.verdict import interval
from lsnn.estimates import Estimate
from lsnn.files.reading import names, subgroup
from lsnn.files.results import Result


class Read(NamedTuple):
    """Of a reader, by lag: its mean error, and the share that it is better by than with latents shuffled."""

    error: list[Estimate]
    better: list[Estimate]


def _wanted(result: Result) -> tuple[np.ndarray, np.ndarray]:
    """Which animals are read, and their latents in standard deviations, (animal, number); TooFew of them."""
    latent = array(subgroup(result.file, "decoding"), "latent", 2)
    used = enough(np.isfinite(latent).all(axis=1), WATCHED)
    spread = latent[used].std(axis=0)
    wanted = ((latent[used] - latent[used].mean(axis=0)) / np.where(spread > 0, spread, 1))[:, spread > 0]
    if not wanted.shape[1]:
        raise TooFew("the latents of all animals are the same")
    return used, wanted


@functools.lru_cache(maxsize=2)
def readings(result: Result) -> dict[str, Read]:
    """Every reader at every lag; errors in standard deviations of the latent over animals."""
    group, (used, wanted), found = subgroup(result.file, "decoding"), _wanted(result), {}
    for name in (*names(group, "kept"), "v", "spikes"):
        by_lag = [_errors(at_lag, wanted) for at_lag in in_standard_units(array(group, name, 3)[:, used])]
        better = [ratio(chance - error, chance) for error, chance in by_lag]
        found[name] = Read([mean(error) for error, _ in by_lag], better)
    return found


def _errors(features: np.ndarray, wanted: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Root mean square error of a cross-validated ridge regression, and its like with latents shuffled; (animal,)."""
    both = np.hstack([wanted, np.random.default_rng(0).permutation(wanted)])
    folds = KFold(min(FOLDS, len(features)), shuffle=True, random_state=0)
    with threadpool_limits(1):
        read = cross_val_predict(RidgeCV(PENALTIES, alpha_per_target=True), features, both, cv=folds)
    square = ((read.reshape(both.shape) - both) ** 2).reshape(len(both), 2, -1).mean(axis=2)
    return tuple(np.sqrt(square).T)


def better_by_animal(result: Result) -> Iterator[tuple[str, float, np.ndarray]]:
    """By reader and lag, how far each animal's error lies below that with latents shuffled, over the mean of that."""
    group = subgroup(result.file, "decoding")
    used, wanted = _wanted(result)
    for name in (*names(group, "kept"), "v", "spikes"):
        states = in_standard_units(array(group, name, 3)[:, used])
        for lag, at_lag in zip(array(group, "lag_ms", 1).tolist(), states, strict=True):
            error, chance = _errors(at_lag, wanted)
            yield name, lag, (chance - error) / chance.mean()


@styled
def draw_decoding(result: Result) -> Figure:
    """How much better than with latents shuffled a reader is, against the time in the dark."""
    found, group = readings(result), subgroup(result.file, "decoding")
    lags = array(group, "lag_ms", 1).tolist()
    figure = new_figure(9.5, 5.8, "Decoding: what the trial asks for, by ridge regression")
    axes = figure.subplots()
    for number, (name, read) in enumerate(found.items()):
        colour = {"v": BLUE, "spikes": VERMILLION}.get(name, COLOURS[number % len(COLOURS)])
        band(axes, lags, [percent(each) for each in read.better], colour, called(name))
    axes.axhline(0, color=DARK, linestyle=":", linewidth=1)
    axes.set(xscale="log", xlabel="time in the dark (ms)", ylabel="error below that of shuffled latents (%)")
    axes.set_xticks(lags, [f"{lag:g}" for lag in lags])
    axes.minorticks_off()
    axes.legend(loc="center left", bbox_to_anchor=(1.0, 0.5))
    n = f"n = {_readers(found)} animals, {FOLDS}-fold cross-validation"
    return add_footer(figure, result, f"{n}; bands: 95 % bootstrap")


def _readers(found: Mapping[str, Read]) -> int:
    return found["v"].error[0].n


def claims_of_decoding(result: Result) -> Claims:
    """Whether a reader of each kind is better than with latents shuffled, by lag."""
    lags = array(subgroup(result.file, "decoding"), "lag_ms", 1).tolist()
    return {(name, lag): claim(better, SHARE_MARGIN)
            for name, read in readings(result).items()
            for lag, better in zip(lags, read.better, strict=True)}  # fmt: skip


def tell_decoding(result: Result, outcomes: Outcomes) -> list[str]:
    found = readings(result)
    n = _readers(found)
    what = "how much smaller than with latents shuffled the error of a cross-validated ridge regression is"
    hidden = ", ".join(names(subgroup(result.file, "decoding"), "labels"))
    lines = [f"{n} animals; what is hidden: {hidden}; {what}."]
    for name, read in found.items():
        lags = [lag for kind, lag in outcomes if kind == name]
        shares = ", ".join(f"{lag} ms {interval(each, 2)}" for lag, each in zip(lags, read.better, strict=True))
        said = sort_out({str(lag): outcomes[name, lag] for lag in lags}, READ, "at {} ms")
        lines.append(f"From {called(name)}, by time in the dark: {shares} ({said}).")
    return [
        *lines,
        f"States are read without noise, so that membranes in particular can be read at any level above the reader's "
        f"own floor, {noise_floor(n):.3f} of the spread of all states of a kind: that something can be read does not "
        "say that the network can use it.",
    ]
