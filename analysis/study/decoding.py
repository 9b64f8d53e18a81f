"""Decoding: how well a linear reader finds the platform in b, in spikes, in membrane potentials.

States are read without noise, so that a trace of any size can be read; the reader's least penalty alone sets a floor
(`noise_floor`). That something can be read does not say that the network uses it.
"""

import functools
from typing import NamedTuple

import numpy as np
from matplotlib.figure import Figure
from sklearn.linear_model import RidgeCV
from sklearn.model_selection import KFold, cross_val_predict
from threadpoolctl import threadpool_limits

from analysis.claims import SHARE_MARGIN, Outcome, claim, sort_out
from analysis.study.interventions import band
from analysis.study.measures import Claims, Outcomes, array, enough, kept_of, mean, ratio
from analysis.style import BLUE, DARK, GREEN, GREY, ORANGE, PINK, SKY, VERMILLION, add_footer, new_figure, styled
from analysis.verdict import interval
from lsnn.estimates import Estimate
from lsnn.files.reading import names, subgroup
from lsnn.files.results import Result

PENALTIES = np.logspace(-2, 5, 15)
FOLDS = 5
SEED = 0  # of the folds, the shuffle and the subsets
SUBSETS, SUBSET_SIZES, SUBSET_LAG_MS = 10, (1, 2, 5, 10, 20, 50, 100, 200), 50
ALWAYS = ("v", "spikes")
KEPT_COLOURS = (GREEN, GREY, DARK)  # of what the neurons keep beside their membranes, in order
READ = {Outcome.MORE: "can be read", Outcome.SAME: "cannot be read to within the margin", Outcome.LESS: "is misread"}
COLOURS = {
    "v": BLUE, "spikes": VERMILLION, "spikes, excitatory": ORANGE, "spikes, inhibitory": PINK,
    "spikes, LIF": ORANGE, "spikes, adaptive": SKY, "own place": GREY,
}  # fmt: skip


class Samples(NamedTuple):
    """What may be read, by name, each (arm, lag, animal, features), and what is to be read: platform (animal, 2)."""

    arms: list[str]
    since: list[str]  # what lags count from, by arm
    lag_ms: np.ndarray
    features: dict[str, np.ndarray]
    platform: np.ndarray


class Reading(NamedTuple):
    """Of a reader, by arm and lag: its error (pool radii), that with the animals' platforms shuffled, and the share of
    the latter that it is better by."""

    error: list[list[Estimate]]
    shuffled: list[list[Estimate]]
    better: list[list[Estimate]]


def told(result: Result) -> list[str]:
    """What is read and told of: the variables beside the membranes, membranes and spikes."""
    return [*kept_of(subgroup(result.file, "decoding")), *ALWAYS]


def colour_of(name: str, kept: list[str]) -> str:
    """Of what is read."""
    return KEPT_COLOURS[kept.index(name) % len(KEPT_COLOURS)] if name in kept else COLOURS.get(name, DARK)


def samples(result: Result) -> Samples:
    group, population = subgroup(result.file, "decoding"), result.network.population
    platform = array(group, "platform", 2)
    known = enough(np.isfinite(platform).all(axis=1), "had found the platform by half time")
    of = {name: array(group, name, 4)[:, :, known] for name in told(result)}
    of["own place"] = array(group, "place", 4)[:, :, known]
    for code, label in enumerate(result.network.labels):
        if (population == code).any():
            of[f"spikes, {label}"] = of["spikes"][..., population == code]
    of = {name: in_standard_units(each) for name, each in of.items()}
    arms = names(group, "arms")
    since = names(group, "since") if "since" in group.attrs else ["the last visit"] * len(arms)
    return Samples(arms, since, array(group, "lag_ms", 1), of, platform[known])


def in_standard_units(features: np.ndarray) -> np.ndarray:
    """Features over the spread of all of their kind, so that what has decayed to nothing stays nothing."""
    spread = float(features.std())
    return features.astype(float) / (spread if spread > 0 else 1.0)


def errors(features: np.ndarray, *visits: np.ndarray) -> list[np.ndarray]:
    """Distance between each of the visits (n, 2) and its cross-validated ridge prediction, (n,) each.

    A prediction outside the pool is taken at the wall.
    """
    folds = KFold(min(FOLDS, len(features)), shuffle=True, random_state=SEED)
    reader = RidgeCV(PENALTIES, alpha_per_target=True)
    wanted = np.hstack(visits)
    with threadpool_limits(1):  # matrices too small to share among threads
        read = cross_val_predict(reader, features, wanted, cv=folds).reshape(len(wanted), -1, 2)
    read /= np.maximum(1.0, np.linalg.norm(read, axis=-1, keepdims=True))
    return list(np.linalg.norm(read - wanted.reshape(read.shape), axis=-1).T)


def shuffled(platform: np.ndarray) -> np.ndarray:
    """The platforms of other animals."""
    return np.random.default_rng(SEED).permutation(platform)


@functools.lru_cache(maxsize=2)
def readings(result: Result) -> dict[str, Reading]:
    """Every reader at every lag."""
    of, found = samples(result), {}
    for name, features in of.features.items():
        read = [[reading_at(at_lag, of.platform) for at_lag in arm] for arm in features]
        found[name] = Reading(*([[of_lag[k] for of_lag in arm] for arm in read] for k in range(3)))
    return found


def reading_at(features: np.ndarray, platform: np.ndarray) -> tuple[Estimate, Estimate, Estimate]:
    """Error, error with platforms shuffled, and how much better, of a reader of (n, features)."""
    error, chance = errors(features, platform, shuffled(platform))
    return mean(error), mean(chance), ratio(chance - error, chance)


def noise_floor(n_animals: int) -> float:
    """Size of a pattern over animals that the least penalty halves, in spreads of all states of its kind.

    Ridge regression scales a pattern of standard deviation s over n animals by n s^2/(n s^2 + penalty).
    """
    return float(np.sqrt(PENALTIES[0] / (n_animals * (1 - 1 / FOLDS))))


def claims_of_decoding(result: Result) -> Claims:
    """Whether a reader of each kind is better than with platforms shuffled, by arm and lag."""
    of, read = samples(result), readings(result)
    return {
        (name, arm, int(lag)): claim(better, SHARE_MARGIN)
        for name in told(result)
        for arm, by_lag in zip(of.arms, read[name].better, strict=True)
        for lag, better in zip(of.lag_ms, by_lag, strict=True)
    }


@functools.lru_cache(maxsize=8)
def by_number(result: Result, name: str) -> dict[int, Estimate]:
    """Error of readers of random subsets of so many neurons, swimming; over subsets: mean and 2.5-97.5 % range."""
    of, generator, found = samples(result), np.random.default_rng(SEED), {}
    lag = int(np.argmin(np.abs(of.lag_ms - SUBSET_LAG_MS)))
    features = of.features[name][0, lag]
    total = features.shape[1]
    for size in sorted({min(size, total) for size in SUBSET_SIZES}):
        drawn = [generator.choice(total, size, replace=False) for _ in range(SUBSETS if size < total else 1)]
        means = [errors(features[:, chosen], of.platform)[0].mean() for chosen in drawn]
        low, high = np.percentile(means, (2.5, 97.5))
        found[size] = Estimate(float(np.mean(means)), float(low), float(high), len(of.platform))
    return found


@styled
def draw_decoding(result: Result) -> Figure:
    """Error against the time since the last visit, or in the dark the last input, and against the number of neurons."""
    of, read = samples(result), readings(result)
    figure = new_figure(15, 6.2, "Decoding: where is the platform, by ridge regression?")
    panels = figure.subplots(1, 3, sharey=True)
    titles = {"swimming": "swimming on, platform gone", "dark": "no input at all from half time on"}
    for arm, axes in enumerate(panels[:2]):
        for name, reading in read.items():
            if name != "own place" or of.arms[arm] == "swimming":
                band(axes, of.lag_ms.tolist(), reading.error[arm], colour_of(name, told(result)[:-2]), name)
        first = told(result)[0]
        chance = np.mean([each.value for each in read[first].shuffled[arm]])
        axes.axhline(chance, color=DARK, linestyle=":", label=f"{first}, platforms shuffled")
        axes.set(title=titles.get(of.arms[arm], of.arms[arm]), xlabel=f"time since {of.since[arm]} (ms)", xscale="log")
    for name in told(result):
        subsets = by_number(result, name)
        band(panels[2], list(subsets), list(subsets.values()), colour_of(name, told(result)[:-2]), name)
    panels[2].set(title=f"neurons read ({SUBSET_LAG_MS} ms, swimming)", xlabel="number of neurons", xscale="log")
    panels[0].set(ylabel="mean error (pool radii)", ylim=(0, 1.25 * read[told(result)[0]].shuffled[0][0].value))
    handles, labels = panels[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside right center")
    n = f"n = {len(of.platform)} animals, {FOLDS}-fold cross-validation"
    return add_footer(figure, result, f"{n}; bands: 95 % bootstrap over animals, right: over {SUBSETS} random subsets")


def tell_decoding(result: Result, outcomes: Outcomes) -> list[str]:
    of, read = samples(result), readings(result)
    lines = [
        f"{len(of.platform)} animals; mean distance between the platform and its place as read, by cross-validated "
        f"ridge regression, in pool radii. Platforms shuffled over animals: "
        f"{interval(read[told(result)[0]].shuffled[0][0], 2)}."
    ]
    for arm, name in enumerate(of.arms):
        for lag in (0, int(np.argmin(np.abs(of.lag_ms - SUBSET_LAG_MS))), len(of.lag_ms) - 1):
            parts = [f"{feature} {interval(read[feature].error[arm][lag], 2)}" for feature in told(result)]
            parts += [f"own place {interval(read['own place'].error[arm][lag], 2)}"] if name == "swimming" else []
            lines.append(f"{name.capitalize()}, {of.lag_ms[lag]} ms since {of.since[arm]}: {', '.join(parts)}.")
    for feature in told(result):
        lines.append(f"Whether the place stands in {feature}: {readable(outcomes, of, feature)}.")
        sizes = by_number(result, feature)
        best = min(each.value for each in sizes.values())
        few = next(size for size, each in sizes.items() if each.value <= 1.1 * best)
        lines.append(f"{few} random neurons reach 1.1 times the least error ({best:.2f}) from {feature}.")
    return [
        *lines,
        f"States are read without noise, so that membranes in particular can be read at any level above the reader's "
        f"own floor, {noise_floor(len(of.platform)):.3f} of the spread of all states of a kind: that a place can be "
        "read does not say that the network can use it.",
        "While it swims, an animal circles where the platform was, so its own place tells of the platform as well, and "
        "v and spikes follow the place cells; what a reader adds to 'own place' is what the state adds. In the dark "
        "there is no such help.",
    ]


def readable(outcomes: Outcomes, of: Samples, feature: str) -> str:
    """At which lags the reader is better than with shuffled platforms, by arm."""
    parts = []
    for arm in of.arms:
        by_lag = {str(lag): outcomes[feature, arm, int(lag)] for lag in of.lag_ms}
        parts.append(f"{arm}, {sort_out(by_lag, READ, 'at {} ms')}")
    return ". ".join(part.capitalize() for part in parts)
