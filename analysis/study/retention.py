"""Retention: escape latency against the dark before it, with a half-life where there is something to lose."""

import functools
from typing import NamedTuple

import numpy as np
from matplotlib.figure import Figure
from scipy.optimize import curve_fit

from analysis.claims import Outcome, claim, sort_out
from analysis.study.interventions import band
from analysis.study.measures import Claims, Outcomes, array, enough, latency_margin, mean
from analysis.style import BLUE, GREEN, GREY, VERMILLION, add_footer, new_figure, styled
from analysis.verdict import interval
from lsnn.estimates import Estimate
from lsnn.files.reading import attribute, names, subgroup
from lsnn.files.results import Result

RESAMPLES, SEED = 200, 0
LARGEST_HALF_LIFE_MS = 1e5
SAVED = {Outcome.MORE: "time is saved", Outcome.SAME: "none beyond the margin", Outcome.LESS: "time is lost"}
LONGEST_FITTED = 10.0  # longest darks: a longer half-life is not told from savings that do not fall


class Retention(NamedTuple):
    """Searches (ms) of an arm, (dark, animal): state kept and state erased at the end of the dark."""

    arm: str
    dark_ms: np.ndarray
    kept: np.ndarray
    erased: np.ndarray


def arms(result: Result) -> list[Retention]:
    group = subgroup(result.file, "retention")
    dark, search, valid = array(group, "dark_ms", 1), array(group, "search_ms", 4), array(group, "valid", 2)
    for each in valid:
        enough(each, "had found the platform before the dark")
    return [
        Retention(name, dark, search[number, 0][:, valid[number]], search[number, 1][:, valid[number]])
        for number, name in enumerate(names(group, "arms"))
    ]


def saved(of: Retention) -> list[Estimate]:
    """Escape latency saved by the state, against having it erased, at every dark."""
    return [mean(more) for more in of.erased - of.kept]


def decay_of(dark_ms: np.ndarray, saved_ms: np.ndarray) -> tuple[float, float]:
    """a and h of the least-squares fit saved(d) = a 2^(-d/h), both in ms; NaN where it cannot be fitted."""
    if not saved_ms[0] > 0:
        return np.nan, np.nan
    try:
        (a, h), _ = curve_fit(
            lambda d, a, h: a * np.exp2(-d / h), dark_ms, saved_ms, (saved_ms[0], 50.0),
            bounds=((0, 0.1), (np.inf, LARGEST_HALF_LIFE_MS)),
        )  # fmt: skip
    except RuntimeError:
        return np.nan, np.nan
    return float(a), float(h)


@functools.lru_cache(maxsize=2)
def half_lives(result: Result) -> list[Estimate]:
    """Half-life of each arm, interval by bootstrap over animals.

    No value if it is unsure that something is saved without a dark, or what is saved hardly falls; a bound where it
    does not is infinite.
    """
    return [half_life(of) for of in arms(result)]


def half_life(of: Retention) -> Estimate:
    n = of.kept.shape[1]
    if n < 2 or not saved(of)[0].low > 0:
        return Estimate(np.nan, np.nan, np.nan, n)
    more, generator, longest = of.erased - of.kept, np.random.default_rng(SEED), LONGEST_FITTED * of.dark_ms[-1]
    drawn = [more[:, generator.integers(n, size=n)].mean(axis=1) for _ in range(RESAMPLES)]
    fits = np.minimum([decay_of(of.dark_ms, each)[1] for each in drawn], longest)
    low, high = np.nanpercentile(fits, (2.5, 97.5))
    value = decay_of(of.dark_ms, more.mean(axis=1))[1]
    if not value < longest:
        return Estimate(np.nan, np.nan, np.nan, n)
    return Estimate(value, float(low), float(high) if high < longest else np.inf, n)


@styled
def draw_retention(result: Result) -> Figure:
    """Mean escape latency against the dark, state kept and erased, and the fit."""
    found, lives = arms(result), half_lives(result)
    tau_a = float(attribute(subgroup(result.file, "retention"), "tau_a_ms"))
    figure = new_figure(13, 6.4, "Retention: out of the pool, without any input, for some time")
    panels = figure.subplots(1, len(found), sharey=True)
    for axes, of, life in zip(np.atleast_1d(panels), found, lives, strict=True):
        band(axes, of.dark_ms.tolist(), [mean(row) for row in of.kept], BLUE, "state kept")
        band(axes, of.dark_ms.tolist(), [mean(row) for row in of.erased], VERMILLION, "state erased")
        if life.value == life.value:
            dark = np.concatenate([np.linspace(0, 50, 101), np.geomspace(50, of.dark_ms.max(), 200)])
            more = decay_of(of.dark_ms, (of.erased - of.kept).mean(axis=1))[0] * np.exp2(-dark / life.value)
            label = f"half-life {life.value:.0f} ms"
            axes.plot(dark, of.erased.mean() - more, color=GREY, linestyle="--", label=label)
        axes.axvline(tau_a, color=GREEN, linestyle=":", label="tau_a")
        axes.set_xscale("symlog", linthresh=10)
        axes.set_xticks(of.dark_ms, [str(ms) for ms in of.dark_ms], rotation=60, minor=False)
        axes.set(title=f"{of.arm} (n = {of.kept.shape[1]})", xlabel="dark (ms)", ylim=(0, None))
        axes.set_xlim(left=-1)
        axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.24), ncols=2)
    np.atleast_1d(panels)[0].set_ylabel("mean escape latency after it (ms)")
    return add_footer(figure, result, "bands: 95 % bootstrap over animals; the same animals at every dark")


def claims_of_retention(result: Result) -> Claims:
    """Of each arm and dark: whether the state saves escape latency."""
    margin = latency_margin(result)
    return {
        (of.arm, int(ms)): claim(gain, margin)
        for of in arms(result)
        for ms, gain in zip(of.dark_ms, saved(of), strict=True)
    }


def tell_retention(result: Result, outcomes: Outcomes) -> list[str]:
    lines = []
    tau_a = float(attribute(subgroup(result.file, "retention"), "tau_a_ms"))
    for of, life in zip(arms(result), half_lives(result), strict=True):
        at_each = "; ".join(f"{ms} ms: {interval(gain, 0)}" for ms, gain in zip(of.dark_ms, saved(of), strict=True))
        n = of.kept.shape[1]
        lines.append(f"Dark {of.arm}, {n} animals; ms of search saved by the state, by dark: {at_each}.")
        lines.append(f"{half_life_text(life, tau_a)} {kept_across(outcomes, of.arm)}")
    return lines


def half_life_text(life: Estimate, tau_a: float) -> str:
    if life.value != life.value:
        return "No half-life: it is unsure that the state saves time without a dark, or what it saves hardly falls."
    against = life.value / (tau_a * np.log(2))
    return (
        f"Half-life of what is saved: {interval(life, 0)} ms, {against:.2g} times that of the threshold adaptation "
        f"(tau_a = {tau_a:g} ms, {tau_a * np.log(2):.0f} ms)."
    )


def kept_across(outcomes: Outcomes, arm: str) -> str:
    """After which darks the state saves escape latency."""
    by_dark = {str(ms): each for (of, ms), each in outcomes.items() if of == arm}
    first, *_, last = by_dark
    return f"Against an erased state, after {first} to {last} ms: {sort_out(by_dark, SAVED, 'at {} ms')}."
