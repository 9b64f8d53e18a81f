"""What examples change in a frozen network beside a gradient step on them (reads the file of implicit-update)."""

from pathlib import Path
from typing import NamedTuple

import h5py
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from analysis.side_by_side import network_groups
from analysis.study.measures import mean
from analysis.style import (
    BLACK,
    BLUE,
    DARK,
    GREEN,
    GREY,
    ORANGE,
    PALE,
    PINK,
    SILVER,
    VERMILLION,
    footer,
    new_figure,
    png,
    styled,
)  # fmt: skip
from analysis.verdict import interval
from lsnn import open_result
from lsnn.estimates import Estimate
from lsnn.files.reading import COUNT, ResultError, Rule, array, label_attribute, number_attribute, place, subgroup
from lsnn.files.results import Result
from lsnn.files.whole import write_whole

COSINE, ERROR = Rule(-1.000001, 1.000001), Rule(0)
PAIRS = {
    "own": ("a step on the same examples", BLUE, "o"),
    "other": ("a step on another episode's", VERMILLION, "v"),
    "shuffled": ("a step on shuffled y", PINK, "D"),
    "context_again": ("in context once more", GREY, "s"),
    "step_again": ("(the step, and the step once more)", SILVER, "s"),
}
TRUTH = {
    "context_truth": ("in context, and the function", GREEN),
    "step_truth": ("by the step, and the function", ORANGE),
    "core_truth": ("by a step without the readout, and the function", PINK),
    "beyond_own": ("context and step, the function taken out", BLUE),
    "beyond_context_again": ("context twice, the function taken out", GREY),
}
COSINES = (*(f"{kind}_{pair}" for kind in ("answer", "state") for pair in PAIRS), *TRUTH, "context_basis",
           "attention_dual", "attention_basis")  # fmt: skip
ERRORS = ("error_alone", "error_context", "error_step", "error_core", "error_shuffled")
LOSSES = {
    "nothing": "nothing learnt",
    "best_step": "best step",
    "layer": "trained layer",
    "row": "baseline's fit",
}


class Of(NamedTuple):
    """One network: its function, the size of the step, cosines and errors (E,) by name."""

    function: str
    seed: int
    rate: float
    values: dict[str, np.ndarray]

    def mean(self, name: str) -> Estimate:
        """Over episodes, with its interval."""
        return mean(self.values[name])


class Layer(NamedTuple):
    """One trained layer: losses and cosines (E,) by name, and the least loss that a single step can have."""

    values: dict[str, np.ndarray]
    best_loss: float


def networks_of(result: Result) -> list[Of]:
    """Every network; ResultError without one."""
    found = []
    for group in network_groups(result):
        values = {
            each: array(group, each, (None,), ERROR if each in ERRORS else COSINE) for each in (*COSINES, *ERRORS)
        }
        if len({len(each) for each in values.values()}) != 1 or not values["answer_own"].size:
            raise ResultError(f"{place(group)}: must have as many episodes of everything, one at least")
        seed, rate = int(number_attribute(group, "seed", COUNT)), float(number_attribute(group, "rate", Rule(0)))
        found.append(Of(label_attribute(group, "function"), seed, rate, values))
    if not found:
        raise ResultError(f"{place(result.file)}: must have a network, has none")
    return found


def layers_of(result: Result) -> list[Layer]:
    """Every trained layer; ResultError without one."""
    found = []
    for name in sorted(name for name in result.file if name.startswith("layer_")):
        group: h5py.Group = subgroup(result.file, name)
        values = {each: array(group, each, (None,), ERROR) for each in LOSSES}
        values |= {each: array(group, each, (len(values["layer"]),), COSINE) for each in ("layer_cosine", "row_cosine")}
        found.append(Layer(values, float(number_attribute(group, "best_loss", Rule(0)))))
    if not found or not all(len(each.values["layer"]) for each in found):
        raise ResultError(f"{place(result.file)}: must have a layer and an episode of it")
    return found


def describe(path: Path) -> str:
    """Lines of every network, then a line a layer."""
    with open_result(path) as result:
        networks, layers = networks_of(result), layers_of(result)
    lines = [f"mean cosine [95 % over {len(networks[0].values['answer_own'])} episodes]"]
    for each in networks:
        lines.append(f"{each.function}, seed {each.seed}, step {each.rate:.3g}")
        for kind in ("answer", "state"):
            told = [f"{pair} {interval(each.mean(f'{kind}_{pair}'), 2)}" for pair in PAIRS]
            lines.append(f"  {kind}s: {'; '.join(told)}")
        lines.append(
            f"  answers: {'; '.join(f'{name} {interval(each.mean(name), 2)}' for name in (*TRUTH, 'context_basis'))}"
        )
        lines.append(f"  squared error: {'; '.join(f'{name[6:]} {interval(each.mean(name), 3)}' for name in ERRORS)}")
        dual = np.abs(each.values["attention_dual"] - 1).max()
        plain = interval(each.mean("attention_basis"), 4)
        lines.append(f"  linear attention: own keys and values 1 to {dual:.0e}; one gradient step {plain}")
    lines.append(f"linear self-attention: the least loss of a single step is {layers[0].best_loss:.4f}")
    for number, layer in enumerate(layers, 1):
        losses = "; ".join(f"{label} {interval(mean(layer.values[name]), 4)}" for name, label in LOSSES.items())
        cosines = ", ".join(f"{layer.values[name].mean():.4f}" for name in ("layer_cosine", "row_cosine"))
        lines.append(f"  seed {number}: {losses}; cosine of sensitivities to the step, layer and fit {cosines}")
    return "\n".join(lines)


@styled
def update_figure(result: Result) -> Figure:
    """Cosines of answers, of states, and of both changes with the function; losses of the trained layers."""
    networks, layers = networks_of(result), layers_of(result)
    figure = new_figure(14, 10, "What examples do to a frozen network, and what a gradient step on them does")
    answers, states, truth, losses = figure.subplots(2, 2).ravel()
    for axes, kind in ((answers, "answer"), (states, "state")):
        _draw_cosines(axes, networks, {f"{kind}_{pair}": look for pair, look in PAIRS.items()})
        axes.set_title(f"change of {kind}s in context, and by ...")
    states.set_title("change of states in context, and by ... (of the core)")
    _draw_cosines(truth, networks, {name: (*look, "o") for name, look in TRUTH.items()})
    truth.set_title("change of answers, and the function itself")
    _draw_layers(losses, layers)
    episodes, made = len(networks[0].values["answer_own"]), result.provenance
    named = ", ".join(f"{origin.name} (seed {origin.seed})" for origin in made.networks)
    return footer(
        figure,
        f"n = {episodes} episodes of each network, mean, 95 % interval over them · seed of the episodes {made.seed} · "
        f"{len(layers)} layers, of seeds 1 to {len(layers)}, {len(layers[0].values['layer'])} test episodes each",
        f"commit {made.git_commit[:10]} · networks, whose commands the file has: {named}",
        f"command: {made.command}",
    )


def _draw_cosines(axes: Axes, networks: list[Of], looks: dict[str, tuple[str, str, str]]) -> None:
    """A column a network, a mark a comparison."""
    for number, (name, (label, colour, marker)) in enumerate(looks.items()):
        value, low, high = np.array([each.mean(name)[:3] for each in networks]).T
        at = np.arange(len(networks)) + 0.11 * (number - (len(looks) - 1) / 2)
        axes.errorbar(
            at, value, np.abs(np.nan_to_num([value - low, high - value])), fmt=marker, color=colour, label=label,
            markersize=7, elinewidth=1.6,
        )  # fmt: skip
    axes.axhline(0, color=DARK, linewidth=0.8)
    axes.axhline(1, color=PALE, linewidth=0.8)
    axes.set_xticks(range(len(networks)), [each.function for each in networks])
    axes.set(ylabel="cosine", ylim=(-0.6, 1.05), xlim=(-0.5, len(networks) - 0.5))
    axes.grid(axis="y", color=PALE, linewidth=0.6)
    axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.1), ncols=2, fontsize=9.5)


def _draw_layers(axes: Axes, layers: list[Layer]) -> None:
    """Losses, a mark a seed."""
    for number, name in enumerate(LOSSES):
        values = [mean(layer.values[name]) for layer in layers]
        at = number + 0.12 * (np.arange(len(values)) - (len(values) - 1) / 2)
        value, low, high = np.array([each[:3] for each in values]).T
        axes.errorbar(
            at, value, np.abs(np.nan_to_num([value - low, high - value])), fmt="o", color=BLUE, elinewidth=1.6
        )
    best = layers[0].best_loss
    axes.axhline(best, color=BLACK, linestyle="--", linewidth=1.2)
    axes.annotate(
        f"best single step, in closed form {best:.4f}",
        (0.0, best),
        (-14, -14),
        textcoords="offset points",
        fontsize=9.5,
    )
    axes.set_xticks(range(len(LOSSES)), list(LOSSES.values()), fontsize=10)
    axes.set(ylabel="half the squared error", ylim=(0, 0.5))
    cosine = np.mean([layer.values["layer_cosine"].mean() for layer in layers])
    axes.set_title(f"linear self-attention, d = N = 10: cosine with the step {cosine:.4f}")


def write_figure(path: Path, out: Path) -> Path:
    """Draw the experiment in a file; returns where the PNG stands."""
    with open_result(path) as result:
        write_whole(out, png(update_figure(result)))
    return out
