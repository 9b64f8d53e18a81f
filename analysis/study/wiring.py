"""Learned wiring: matrices, degrees, weights."""

from typing import NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from scipy.stats import ks_2samp

from analysis.study.measures import Outcomes, array
from analysis.style import BLUE, DARK, GREY, ORANGE, add_footer, new_figure, styled
from lsnn.files.reading import Rule, attribute, check, place, subgroup
from lsnn.files.results import Result


class Wiring(NamedTuple):
    """Synapses by number, and degrees, of the network and of random drawings of as many synapses."""

    source: np.ndarray
    target: np.ndarray
    weight: np.ndarray
    initial: np.ndarray
    degrees: dict[str, tuple[np.ndarray, np.ndarray]]  # name: (cells,), (drawings, cells)
    n_inputs: int
    rewired: bool


OWN, REWIRED = "wiring", "wiring_rewired"  # groups: of the network itself, and of its variant by DEEP R


def wiring_of(result: Result, name: str) -> Wiring:
    group = subgroup(result.file, name)
    source, target, weight, initial = (array(group, n, 1) for n in ("source", "target", "weight", "initial_weight"))
    degrees = {name: (array(group, name, 1), array(group, f"random_{name}", 2)) for name in ("in_degree", "out_degree")}
    cells, neurons = len(degrees["out_degree"][0]), len(degrees["in_degree"][0])
    check(f"{place(group)}/source", source, Rule(0, cells - 1, whole=True))
    check(f"{place(group)}/target", target, Rule(0, neurons - 1, whole=True))
    check(f"{place(group)}, attribute 'n_inputs'", attribute(group, "n_inputs"), Rule(cells - neurons, cells - neurons))
    return Wiring(
        source, target, weight, initial, degrees, int(attribute(group, "n_inputs")), bool(attribute(group, "rewired"))
    )


@styled
def draw_wiring(result: Result, name: str = OWN) -> Figure:
    """The weight matrix sorted by population and summed input; degrees and weights beside random and initial ones."""
    of, network = wiring_of(result, name), result.network
    figure = new_figure(15, 7.4, "Learned wiring" if name == OWN else "Wiring learned by DEEP R")
    grid = figure.add_gridspec(2, 3, width_ratios=(1.9, 1, 1))
    draw_matrix(figure.add_subplot(grid[:, 0]), of, network.population, network.labels)
    for row, (degree, (own, random)) in enumerate(of.degrees.items()):
        axes = figure.add_subplot(grid[row, 1])
        bins = np.linspace(0, max(own.max(), random.max()) + 1, 30).tolist()
        axes.hist(random.ravel(), bins, density=True, color=GREY, alpha=0.5, label=f"{len(random)} random wirings")
        axes.hist(own, bins, density=True, histtype="step", color=BLUE, linewidth=2, label="network")
        axes.set(title=degree.replace("_", "-"), ylabel="density", ylim=(0, 1.3 * axes.get_ylim()[1]))
        axes.legend(fontsize=9, loc="upper left")
    for row, (kind, chosen) in enumerate(kinds(of).items()):
        axes = figure.add_subplot(grid[row, 2])
        weights, before = of.weight[chosen], of.initial[chosen]
        limit = np.quantile(np.abs(weights), 0.995) if len(weights) else 1.0
        bins = np.linspace(-limit, limit, 61).tolist()
        if np.isfinite(before).any():
            known = before[np.isfinite(before)]
            axes.hist(known, bins, density=True, color=GREY, alpha=0.5, label="before meta-training")
        axes.hist(weights, bins, density=True, histtype="step", color=ORANGE, linewidth=2, label="after")
        axes.set(title=f"{kind} weights (b0 per spike)", yscale="log", ylabel="density")
        axes.set_ylim(top=12 * axes.get_ylim()[1])
        axes.legend(fontsize=9, loc="upper left")
    n = f"n = {len(of.weight)} synapses, {len(of.degrees['in_degree'][0])} neurons, {of.n_inputs} inputs; one network"
    return add_footer(figure, result, n)


def kinds(of: Wiring) -> dict[str, np.ndarray]:
    """Which synapses come from inputs and which from neurons."""
    return {"input": of.source < of.n_inputs, "recurrent": of.source >= of.n_inputs}


def draw_matrix(axes: Axes, of: Wiring, population: np.ndarray, labels: tuple[str, ...]) -> None:
    """Sources by row (inputs, then neurons), targets by column; neurons of a population by their summed input."""
    n = len(population)
    dense = np.zeros((of.n_inputs + n, n))
    dense[of.source, of.target] = of.weight
    order = np.lexsort((dense.sum(axis=0), population))
    dense = dense[np.concatenate([np.arange(of.n_inputs), of.n_inputs + order])][:, order]
    limit = np.quantile(np.abs(of.weight), 0.98) if len(of.weight) else 1.0
    image = axes.imshow(dense, cmap="RdBu_r", vmin=-limit, vmax=limit, aspect="auto", interpolation="nearest")
    axes.figure.colorbar(image, cax=axes.inset_axes((1.03, 0.2, 0.03, 0.6)), label="weight (b0 per spike)")
    edges = np.cumsum(np.bincount(population, minlength=len(labels)))
    for edge in edges[:-1]:
        axes.axvline(edge - 0.5, color=DARK, linewidth=0.7)
    for edge in np.concatenate([[of.n_inputs], of.n_inputs + edges[:-1]]):
        axes.axhline(edge - 0.5, color=DARK, linewidth=0.7)
    middles = (np.concatenate([[0], edges[:-1]]) + edges) / 2
    axes.set_xticks(middles, labels, rotation=20)
    axes.set_yticks(np.concatenate([[of.n_inputs / 2], of.n_inputs + middles]), ["inputs", *labels])
    axes.tick_params(length=0)
    axes.set(xlabel="to", ylabel="from")


def tell_wiring(result: Result, _: Outcomes, name: str = OWN) -> list[str]:
    of = wiring_of(result, name)
    if of.rewired:
        lines = ["The wiring was rewired by DEEP R during meta-training."]
    elif np.isfinite(of.initial).any():
        lines = [
            "This network was not rewired (no DEEP R): which pairs are connected was drawn at random before "
            "meta-training and never changed, so its degrees are those of a random wiring by construction, and only "
            "weights are learnt."
        ]
    else:
        lines = [
            "This network was not rewired (no DEEP R), but its input was made finer on the way, and the new cells took "
            "over the synapses of the old ones: weights before meta-training are not known, and degrees are not those "
            "of a random wiring."
        ]
    for degree, (own, random) in of.degrees.items():
        test = ks_2samp(own, random.ravel())
        lines.append(
            f"{degree.replace('_', '-').capitalize()}: mean {own.mean():.1f}, sd {own.std():.1f} (random "
            f"{random.std(axis=1).mean():.1f}), over {len(own)} cells; Kolmogorov-Smirnov against {len(random)} random "
            f"wirings D = {test.statistic:.2f}, p = {test.pvalue:.2g}."
        )
    for kind, chosen in kinds(of).items():
        weights, before = of.weight[chosen], of.initial[chosen]
        known = before[np.isfinite(before)]
        was = f" (before meta-training {known.std():.3f}, {len(known)} of them there)" if len(known) else ""
        lines.append(
            f"{kind.capitalize()} weights: {len(weights)}, sd {weights.std():.3f} b0 per spike{was}; the strongest "
            f"tenth "
            f"holds {strongest_share(weights):.0%} of the summed magnitude."
        )
    return lines


def strongest_share(weights: np.ndarray) -> float:
    """Share of the summed magnitude that the strongest tenth of weights holds."""
    size = np.sort(np.abs(weights))[::-1]
    total = size.sum()
    return float(size[: max(1, len(size) // 10)].sum() / total) if total > 0 else 0.0
