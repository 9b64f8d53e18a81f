"""Generalisation: visits along curves of geometry, noise and damage, beside circling and the oracle there."""

from typing import NamedTuple

import numpy as np
from matplotlib.figure import Figure

from analysis.claims import SHARE_MARGIN, Outcome, claim, sort_out
from analysis.study.interventions import band
from analysis.study.measures import Claims, Outcomes, array, ratio
from analysis.style import BLUE, ORANGE, add_footer, new_figure, styled
from analysis.verdict import interval
from lsnn.estimates import Estimate
from lsnn.files.reading import attribute, names, subgroup
from lsnn.files.results import Result

UNITS = {
    "platform radius": "platform radius (pool radii)",
    "platform distance": "distance from the centre (pool radii)",
    "platform anywhere": "anywhere up to (pool radii)",
    "place-cell noise": "background of every place cell (Hz)",
    "synapses pruned": "share of synapses pruned",
    "weights jittered": "relative jitter of weights (sd)",
    "neurons silenced": "share of neurons silenced",
}
AHEAD = {Outcome.MORE: "more", Outcome.SAME: "as many to within the margin", Outcome.LESS: "fewer"}
DAMAGE = ("synapses pruned", "weights jittered", "neurons silenced")


class Curve(NamedTuple):
    """Visits of the network and of circling as fractions of the oracle's, and the network's lead over circling."""

    name: str
    value: np.ndarray
    network: list[Estimate]
    circling: list[Estimate]
    lead: list[Estimate]


def curves(result: Result) -> list[Curve]:
    """Every curve; where damage was drawn for groups of episodes, intervals are over those groups."""
    group = subgroup(result.file, "generalisation")
    number, value, draw = (array(group, name, 1) for name in ("curve", "value", "draw"))
    visits = {name: array(group, name, 2).astype(float) for name in ("visits", "circling", "oracle")}
    found = []
    for index, name in enumerate(names(group, "curves")):
        rows = np.flatnonzero(number == index)
        of = {key: _grouped(each[rows], draw) if name in DAMAGE else each[rows] for key, each in visits.items()}
        network, circling, lead = (
            [ratio(above, oracle) for above, oracle in zip(tops, of["oracle"], strict=True)]
            for tops in (of["visits"], of["circling"], of["visits"] - of["circling"])
        )
        found.append(Curve(name, value[rows], network, circling, lead))
    return found


def _grouped(of: np.ndarray, draw: np.ndarray) -> np.ndarray:
    """Sums over episodes that share a draw, (points, draws)."""
    return np.stack([np.bincount(draw, weights=row) for row in of])


@styled
def draw_generalisation(result: Result) -> Figure:
    """A panel a curve: fraction of the oracle's visits, network and circling."""
    found = curves(result)
    figure = new_figure(15, 8, "Generalisation: the frozen network outside its training, noisy, damaged")
    columns = (len(found) + 1) // 2
    panels = figure.subplots(2, columns, sharey=True).ravel()
    for axes, curve in zip(panels, found, strict=False):
        x = curve.value.tolist()
        band(axes, x, curve.network, BLUE, "network")
        band(axes, x, curve.circling, ORANGE, "circling: no memory")
        if len(x) == 1:
            axes.set_xticks(x)
            for each, colour in ((curve.network[0], BLUE), (curve.circling[0], ORANGE)):
                axes.vlines(x, each.low, each.high, color=colour, linewidth=2.2)
        axes.set(title=curve.name, xlabel=UNITS.get(curve.name, curve.name), ylim=(0, 1.05))
    for axes in panels[len(found) :]:
        axes.set_axis_off()
    for axes in panels[::columns]:
        axes.set_ylabel("visits, fraction of the oracle's")
    figure.legend(*panels[0].get_legend_handles_labels(), loc="outside upper right", ncols=2)
    n = array(subgroup(result.file, "generalisation"), "visits", 2).shape[1]
    draws = len(np.unique(array(subgroup(result.file, "generalisation"), "draw", 1)))
    footer = f"bands: 95 % bootstrap over n = {n} episodes a point; of damage over {draws} draws of it"
    return add_footer(figure, result, footer)


def claims_of_generalisation(result: Result) -> Claims:
    """At each point of each curve: whether the network makes more visits than circling."""
    return {
        (curve.name, float(value)): claim(lead, SHARE_MARGIN)
        for curve in curves(result)
        for value, lead in zip(curve.value, curve.lead, strict=True)
    }


def tell_generalisation(result: Result, outcomes: Outcomes) -> list[str]:
    group = subgroup(result.file, "generalisation")
    trained = float(attribute(group, "trained_radius"))
    lines = [
        f"Fractions of the oracle's visits in each maze; trained on platforms of radius {trained:g} at the distance "
        f"{result.provenance.config['task']['platform_circle']:g}. {array(group, 'visits', 2).shape[1]} episodes a "
        f"point."
    ]
    for curve in curves(result):
        at_each = "; ".join(f"{v:g}: {interval(e, 2)}" for v, e in zip(curve.value, curve.network, strict=True))
        ahead = {f"{value:g}": outcomes[curve.name, float(value)] for value in curve.value}
        lines.append(f"{curve.name.capitalize()}: {at_each}. Against circling, visits: {sort_out(ahead, AHEAD)}.")
    return lines
