"""Studies of several networks of one recipe: the value of each, and intervals over networks.

Networks are what varies from training to training, animals what varies within a network. The interval over networks is
Student's t with as many degrees of freedom as there are networks less one, on the standard error of a hierarchical
bootstrap: networks are drawn with replacement, then animals within each that was drawn (Saravanan et al. 2020). As few
networks vary less among themselves than the recipe does, the error is corrected by n/(n - 1).

    Saravanan, V., Berman, G. J., Sober, S. J. (2020). Application of the hierarchical bootstrap to multi-level data in
    neuroscience. Neurons, Behavior, Data Analysis and Theory 3(5).
"""

import base64
import json
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from matplotlib.figure import Figure
from scipy.stats import t

from analysis.pages.model import template
from analysis.study import decoding, every_family, interventions, one_visit, retention, takeover, transplant
from analysis.study.every_family import exchanges, reading_out
from analysis.study.every_family.conditions import label_of, measured
from analysis.study.measures import TooFew, array, called, kept_of, mean, next_visit, swum, visits_from
from analysis.style import BLUE, DARK, GREY, VERMILLION, add_footer, new_figure, png, styled
from analysis.verdict import interval
from lsnn.estimates import CONFIDENCE, Estimate
from lsnn.files.about import checksum_attribute, provenance_of
from lsnn.files.reading import ResultError, attribute, names, place, subgroup
from lsnn.files.results import Result
from lsnn.seeds import RESAMPLED_NETWORKS

FEWEST = 5  # networks from which on there is an interval over networks
RESAMPLES = 1000


class OfNetwork(Result):
    """The study of one of the networks of a file of several, whose group is its file."""

    def __init__(self, joint: Result, number: int) -> None:
        self.path = joint.path
        self.file = subgroup(joint.file, f"network_{number}")
        self.provenance = provenance_of(self.file, self.path)

    def close(self) -> None:
        """The file stays open: it is that of all."""


class Quantity(NamedTuple):
    """A number of each animal, whose mean an experiment tells: a label, a format, and by network (animals,)."""

    label: str
    format: str
    samples: list[np.ndarray]

    @property
    def within(self) -> list[Estimate]:
        """The mean of each network, with its interval over animals."""
        return [mean(sample) for sample in self.samples]

    @property
    def over(self) -> Estimate:
        """The mean over networks, with the interval over networks."""
        return over_networks(self.samples)


def are_studies(result: Result) -> bool:
    """Whether a result file holds the studies of several networks."""
    return "result_kind" in result.file.attrs and attribute(result.file, "result_kind") == "studies"


def studies_of(result: Result) -> list[OfNetwork]:
    """The study of each network, in order."""
    listed = names(result.file, "networks")
    if len(listed) < 2:
        raise ResultError(f"{place(result.file)}, attribute 'networks': must name 2 networks at least, names {listed}")
    return [OfNetwork(result, number) for number in range(len(listed))]


def over_networks(samples: Sequence[np.ndarray]) -> Estimate:
    """Mean over networks of the mean of each, (animals,), with its interval over networks; n counts networks.

    NaN bounds for fewer than `FEWEST` networks.
    """
    known = [sample for sample in samples if len(sample)]
    count, value = len(known), float(np.mean([sample.mean() for sample in known])) if known else float("nan")
    if count < FEWEST:
        return Estimate(value, np.nan, np.nan, count)
    half = float(t.isf((1 - CONFIDENCE) / 2, count - 1)) * standard_error(known)
    low, high = value - half, value + half
    if all(((sample == 0) | (sample == 1)).all() for sample in known):  # shares
        low, high = max(low, 0.0), min(high, 1.0)
    return Estimate(value, low, high, count)


def standard_error(samples: Sequence[np.ndarray]) -> float:
    """Of the mean over networks: standard deviation of the hierarchical bootstrap, corrected for few networks."""
    generator, count = np.random.default_rng(np.random.SeedSequence(0, spawn_key=(RESAMPLED_NETWORKS,))), len(samples)
    drawn = generator.integers(count, size=(RESAMPLES, count))
    means = np.empty(drawn.shape)
    for network, sample in enumerate(samples):
        here = drawn == network
        animals = generator.integers(len(sample), size=(np.count_nonzero(here), len(sample)))
        means[here] = sample[animals].mean(axis=1)
    return float(means.mean(axis=1).std() * np.sqrt(count / (count - 1)))


# What the experiments tell of every animal


def _followed(reached: np.ndarray, wanted: int) -> np.ndarray:
    """1 where what is wanted is followed (0 own, 1 the other's), 0 where the other is; of those that can be told."""
    return (reached[reached < 2] == wanted).astype(float)


def _of_every_family(result: Result, experiment: str) -> dict[str, np.ndarray]:
    if experiment == "takeover":
        of, group = exchanges.takeover_of(result), subgroup(result.file, "takeover")
        followed, told = array(group, "followed", 3), array(group, "told", 1).tolist()
        swaps = names(group, "conditions")
        return {
            f"{label_of(swap, of.kept)}, after {number}": _followed(followed[told.index(number), at], 1)
            for at, swap in enumerate(swaps) if swap in exchanges.curves(of) for number in of.told
        }  # fmt: skip
    if experiment == "decoding":
        return {f"{called(name)}, {lag} ms": better for name, lag, better in reading_out.better_by_animal(result)}
    of_it, found = measured(result, experiment), {}
    for name, score in of_it.score.items():
        label = exchanges.swap_label(name, of_it.kept) if experiment == "transplant" else label_of(name, of_it.kept)
        if (sample := _followed(of_it.followed[name], 1)).size and experiment == "transplant":
            found[f"{label}: follow the other's"] = sample
        else:
            found[label] = score[np.isfinite(score)]
    return found


def _transplant(result: Result) -> dict[str, np.ndarray]:
    of = transplant.reached(result)
    return {f"{transplant.label_of(swap)}: to the other's": _followed(each, 1) for swap, each in of.items()}


def _takeover(result: Result) -> dict[str, np.ndarray]:
    of, group, found = takeover.takeover_of(result), subgroup(result.file, "takeover"), {}
    reached, swaps = array(group, "reached", 3), names(group, "swaps")
    chosen = np.repeat(takeover.pairs(result)[array(group, "lag_ms", 1) == 0][len(of.visits) - 1], 2)
    for swap, (label, _) in takeover.others_of(swaps).items():
        for state, number in enumerate(of.visits):
            sample = reached[state, swaps.index(swap)][chosen]
            found[f"{label}, after {int(number)}: to the other's"] = _followed(sample, 1)
    return found


def _one_visit(result: Result) -> dict[str, np.ndarray]:
    group = subgroup(result.file, "one_visit")
    usable = (array(group, "found", 1) & array(group, "apart", 1)).reshape(-1, 2).all(axis=1).repeat(2)
    reached, found = array(group, "reached", 3)[:, :, usable], {}
    for number, change in enumerate(names(group, "changes")):
        for at, ms in enumerate(array(group, "dark_ms", 1).tolist()):
            if reached[at, number].size and reached[at, number, 0] != one_visit.NOT_RUN:
                own = change == "none"
                label = "to their own" if own else f"{change}: to the other's"
                found[f"{label}, {ms} ms of dark"] = _followed(reached[at, number], int(not own))
    return found


def _ablation(result: Result) -> dict[str, np.ndarray]:
    moment, labels = array(subgroup(result.file, "ablation"), "moment_ms", 1), interventions.ablations_of(result)
    used, found = moment >= 0, {}
    for name, (label, _) in labels.items():
        times = next_visit(swum(result, "ablation", name), moment, interventions.WATCHED_MS)
        found[f"{label}: next visit after (ms)"] = times[used]
    return found


def _clamp(result: Result) -> dict[str, np.ndarray]:
    group = subgroup(result.file, "clamp")
    first, delays = array(group, "first_visit_ms", 1), array(group, "held_after_ms", 1)
    last = int(delays.max())
    conditions = {"free": "sham", "at its own value": f"photograph_{last}", "at the mean": f"mean_{last}"}
    kept = " and ".join(kept_of(group))
    return {
        f"{kept} {label}: visits in the rest": visits_from(swum(result, "clamp", name), first + last)[first >= 0]
        for label, name in conditions.items()
    }


def _silence(result: Result) -> dict[str, np.ndarray]:
    group = subgroup(result.file, "silence")
    moment, found = array(group, "moment_ms", 1), {}
    for ms in array(group, "silent_ms", 1).tolist():
        silent, erased = (next_visit(swum(result, "silence", f"{name}_{ms}"), moment + ms, interventions.WATCHED_MS)
                          for name in ("silent", "erased"))  # fmt: skip
        found[f"saved after {ms} ms (ms)"] = (erased - silent)[moment >= 0]
    return found


def _retention(result: Result) -> dict[str, np.ndarray]:
    return {
        f"saved after {int(ms)} ms, {of.arm} (ms)": (of.erased - of.kept)[at]
        for of in retention.arms(result)
        for at, ms in enumerate(of.dark_ms)
    }


def _decoding(result: Result) -> dict[str, np.ndarray]:
    of, found = decoding.samples(result), {}
    for name in decoding.told(result):
        for arm, by_lag in zip(of.arms, of.features[name], strict=True):
            for lag, features in zip(of.lag_ms.tolist(), by_lag, strict=True):
                found[f"{called(name)}, {arm}, {lag:g} ms: error"] = decoding.errors(features, of.platform)[0]
    return found


OWN: dict[str, Callable[[Result], dict[str, np.ndarray]]] = {
    "ablation": _ablation,
    "silence": _silence,
    "clamp": _clamp,
    "transplant": _transplant,
    "takeover": _takeover,
    "one_visit": _one_visit,
    "decoding": _decoding,
    "retention": _retention,
}


def samples_of(result: Result, experiment: str) -> dict[str, np.ndarray]:
    """What an experiment tells of every animal of one network, by label, (animals,)."""
    if every_family.is_of_every_family(subgroup(result.file, experiment)):
        return _of_every_family(result, experiment)
    return OWN[experiment](result)


def quantities(studies: Sequence[OfNetwork], experiment: str) -> list[Quantity]:
    """What an experiment tells, by network; TooFew where a network has not enough animals."""
    of = [samples_of(study, experiment) for study in studies]
    shared = [label for label in of[0] if all(label in each for each in of)]
    widest = {label: max(float(np.abs(each[label]).max(initial=0.0)) for each in of) for label in shared}
    return [Quantity(label, ".0f" if widest[label] > 30 else ".2f", [each[label] for each in of]) for label in shared]


# The page


def studies_page(result: Result, check: Callable[[OfNetwork], list[str]]) -> tuple[str, dict[str, bytes]]:
    """The page as HTML and its figures by name.

    Args:
        check: of a study, which experiments it holds; ResultError unless each holds what it must.
    """
    studies = studies_of(result)
    present = [check(study) for study in studies]
    shared = [name for name in present[0] if all(name in of for of in present) and _told(studies[0], name)]
    if not shared:
        raise ResultError(f"{result.path}: studies must share an experiment that tells something of animals, do not")
    drawn, tables, silent = {}, {}, {}
    for experiment in shared:
        try:
            found = quantities(studies, experiment)
        except TooFew as reason:
            silent[experiment] = str(reason)
            continue
        drawn[experiment] = png(draw_networks(result, experiment, found))
        tables[experiment] = [row(quantity) for quantity in found]
    unchanged = [checksum_attribute(of.file, "_after") == of.provenance.network_sha256 for of in studies]
    page = template("studies.html.jinja").render(
        file_name=result.path.name, made=result.provenance, fewest=FEWEST, silent=silent, tables=tables,
        networks=[(of.provenance.networks[0].seed, of.provenance.network_sha256) for of in studies],
        files=names(result.file, "networks"), weights_unchanged=all(unchanged),
        images={name: base64.b64encode(image).decode("ascii") for name, image in drawn.items()},
        config=json.dumps(result.provenance.config, indent=2, sort_keys=True),
    )  # fmt: skip
    return page, drawn


def _told(study: OfNetwork, experiment: str) -> bool:
    return experiment in OWN or every_family.is_of_every_family(subgroup(study.file, experiment))


def row(of: Quantity) -> list[str]:
    """Label, mean with the interval over networks, and each network's with its own."""
    over = of.over
    digits = int(of.format[1])
    joint = interval(over, digits) if np.isfinite(over.low) else f"{over.value:.{digits}f}"
    return [of.label, joint, *(interval(each, digits) for each in of.within)]


def without_ending(labels: list[str]) -> tuple[list[str], str]:
    """Labels without what stands behind a colon in all of them, and that; '' where they do not share it."""
    endings = {label.rpartition(": ")[2] if ": " in label else "" for label in labels}
    shared = endings.pop() if len(endings) == 1 else ""
    return [label.removesuffix(f": {shared}") for label in labels], shared


@styled
def draw_networks(result: Result, experiment: str, found: Sequence[Quantity]) -> Figure:
    """A row a quantity: a dot a network with its own interval, and the mean with the interval over networks."""
    kinds = [[of for of in found if of.format == digits] for digits in dict.fromkeys(of.format for of in found)]
    rows = max(len(kind) for kind in kinds)
    figure = new_figure(
        11 if len(kinds) == 1 else 16, 2.2 + 0.34 * rows, f"{experiment.replace('_', ' ').capitalize()}: every network"
    )
    for axes, kind in zip(np.atleast_1d(figure.subplots(1, len(kinds))), kinds, strict=True):
        for at, of in enumerate(kind):
            within, over = of.within, of.over
            spots = at + 0.16 * np.linspace(-1, 1, len(within))
            for spot, each in zip(spots, within, strict=True):
                axes.plot([each.low, each.high], [spot, spot], color=GREY, linewidth=1)
                axes.plot(each.value, spot, "o", color=BLUE, markersize=4)
            axes.plot([over.low, over.high], [at, at], color=VERMILLION, linewidth=5, alpha=0.35, zorder=1)
            axes.plot(over.value, at, "|", color=VERMILLION, markersize=14, markeredgewidth=2.5)
        labels, shared = without_ending([of.label for of in kind])
        axes.set_yticks(range(len(kind)), labels)
        axes.set_xlabel(shared)
        axes.set_ylim(len(kind) - 0.4, -0.6)
        axes.grid(axis="x", color=DARK, alpha=0.1)
    count = len(found[0].samples)
    bar = (
        "red: mean and 95 % interval over networks"
        if count >= FEWEST
        else f"red: mean ({FEWEST} networks give an interval)"
    )
    n = f"n = {count} networks; dots: each network, grey: 95 % over its animals; {bar}"
    return add_footer(figure, result, n)
