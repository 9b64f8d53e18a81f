"""The results as a table in Markdown and as a figure."""

import io
from pathlib import Path
from typing import Any

import matplotlib
import matplotlib.pyplot as plt
from matplotlib.ticker import NullFormatter

from benchmarks.contestants import ABSENT
from lsnn.files.whole import write_whole

matplotlib.use("agg")

OURS, THEIRS = "#c23b22", "#7f8c9b"

# Key, what it is, and the bound it must keep: (">=" | "<=", number).
TARGETS: tuple[tuple[str, str, tuple[str, float] | None], ...] = (
    ("W1.ratio_delays", "W1, fastest peer that honours the delays / engine", (">=", 30)),
    ("W1.ratio_delays_by_hand", "... whose backward pass we wrote by hand / engine", None),
    ("W1.ratio_any", "W1, fastest peer of all (no delays) / engine (with them)", (">=", 6)),
    ("W1.ratio_online", "W1, a peer that learns forwards in time (no delays, another gradient) / engine", None),
    ("W1.peak_mb", "W1, engine, peak memory in MB", ("<=", 1536)),
    ("W1.peak_mb_checkpointed", "... with time checkpoints", ("<=", 410)),
    ("W2.ratio", "W2, fastest peer / engine", (">=", 4)),
    ("frozen.ratio_fastest", "frozen forward, Brian2's fastest mode / engine", (">=", 25)),
    ("frozen.ratio_nest", "frozen forward, NEST / engine", None),
    ("frozen.ratio_closed_loop", "closed loop, an animal-ms in Brian2 (one animal) / in the engine (64)", (">=", 100)),
    ("frozen.ratio_closed_loop_one_animal", "... / in the engine, one animal, too", None),
    ("W3.growth", "W3, ns a synapse at the largest N / at N = 400", ("<=", 3)),
    ("W3.growth_forward", "... forward", None),
    ("W3.growth_back", "... backward", None),
    ("W3.above_floor_400", "W3, ns a synapse / streaming the same bytes, the worse pass, N = 400", ("<=", 2)),
    ("W3.above_floor_20000", "... N = 20 000", ("<=", 2.5)),
    ("W4.checkpoint_slowdown", "W4, run time with time checkpoints / without", ("<=", 1.7)),
    ("W4.memory_exponent", "W4, memory beyond the records grows as T to the power of", ("<=", 0.5)),
    ("W5.bellec2018_per_s", "W5, network-ms a second, bellec2018", (">=", 300_000)),
    ("W5.bellec2018_overhead", "... share of the time that is neither roll-out nor adjoint", ("<=", 0.06)),
    ("W5.compact_per_s", "W5, network-ms a second, compact", (">=", 500_000)),
    ("W5.compact_overhead", "... share of the time that is neither roll-out nor adjoint", ("<=", 0.06)),
    ("threads.speedup", "one thread / two threads", (">=", 1.8)),
)


def holds(value: float, bound: tuple[str, float] | None) -> bool:
    """Whether a value keeps its bound."""
    return bound is None or (value >= bound[1] if bound[0] == ">=" else value <= bound[1])


def unmeasured(results: dict[str, Any]) -> list[str]:
    """Keys with a bound that a section which was run has left without a value, as what they need has failed."""
    return [key for key, _, bound in TARGETS if bound and key.partition(".")[0] in results and key not in results]


def missed(results: dict[str, Any]) -> list[str]:
    """A line for every bound that is missed."""
    return [
        f"{key} is {results[key]:,.4g}, asked {bound[0]} {bound[1]:,g} ({what})"
        for key, what, bound in TARGETS
        if key in results and bound and not holds(results[key], bound)
    ]


def table(results: dict[str, Any]) -> str:
    """All ratios, then every simulator of every workload with what it cannot express."""
    lines = ["| what | value | quartiles in turn | bound | |", "|---|---|---|---|---|"]
    for key, what, bound in TARGETS:
        asked = f"{bound[0]} {bound[1]:,g}" if bound else ""
        if key in results:
            mark = "" if bound is None else ("kept" if holds(results[key], bound) else "**missed**")
            lines.append(f"| `{key}`: {what} | {results[key]:,.4g} | {_pair(results, key)} | {asked} | {mark} |")
        elif key in unmeasured(results):
            lines.append(f"| `{key}`: {what} | | | {asked} | **not measured** |")
    for section, what in (("W1", "forward + BPTT"), ("W2", "forward + BPTT"), ("frozen", "forward + BPTT")):
        if section in results:
            lines += ["", *section_table(section, what, results[section])]
    lines += ["", *(f"Left out: {name} {version}, which cannot express {why}." for name, version, why in ABSENT)]
    return "\n".join(lines) + "\n"


def _pair(results: dict[str, Any], key: str) -> str:
    """Quartiles of a ratio, how many turns they are from, and with whom."""
    if key not in results.get("pairs", {}):
        return ""
    pair = results["pairs"][key]
    low, _, high = pair["quartiles"]
    return f"{low:.4g} to {high:.4g}, {len(pair['ours_s'])} turns with {pair['peer']}"


def section_table(section: str, what: str, content: dict[str, Any]) -> list[str]:
    """Every simulator of a workload."""
    lines = [f"| {section} | forward, s | {what}, s | peak MB | agrees (float64) | Hz | cannot express |"]
    lines.append("|---|---|---|---|---|---|---|")
    for name, run in content["engine"].items():
        lines.append(_row(run | {"label": f"this engine, {name.replace('_', ' ')}"}))
    lines += [_row(run) for run in content["peers"].values()]
    return lines


def _row(run: dict[str, Any]) -> str:
    if "failed" in run:
        return f"| {run.get('label', '')} | failed: {run['failed']} | | | | | {run.get('cannot', '')} |"
    forward, gradient, peak = (_number(run.get(key)) for key in ("forward_median_s", "gradient_median_s", "peak_mb"))
    agrees = {True: "yes", False: "**no**", None: ""}[run.get("float64", {}).get("agrees")]
    rate, label = _number(run.get("rate_hz")), run["label"]
    if run.get("share", 1) > 1:
        label += f" (1/{run['share']} of the steps, times {run['share']})"
    return f"| {label} | {forward} | {gradient} | {peak} | {agrees} | {rate} | {run.get('cannot', '')} |"


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.3g}" if value < 100 else f"{value:.0f}"


def figure(results: dict[str, Any], path: Path) -> None:
    """Six panels: W1, W2, the frozen network, growth, length, the closed loop."""
    chart, axes = plt.subplots(2, 3, figsize=(16, 9), constrained_layout=True)
    panels = (("W1", bars_W1), ("W2", bars_W2), ("frozen", bars_frozen), ("W3", growth), ("W4", length), ("W5", split))
    for (section, draw), axis in zip(panels, axes.flat, strict=True):
        if section in results:
            draw(axis, results[section])
        else:
            axis.set_axis_off()
    image = io.BytesIO()
    chart.savefig(image, format="png", dpi=120)
    write_whole(path, image.getvalue())
    plt.close(chart)


def bars(axis, entries: list[tuple[str, float, str]], title: str) -> None:
    """Seconds on a logarithmic axis, the fastest first."""
    entries = sorted(entries, key=lambda entry: -entry[1])
    drawn = axis.barh([e[0] for e in entries], [e[1] for e in entries], color=[e[2] for e in entries])
    axis.bar_label(drawn, [f" {e[1]:.3g} s" for e in entries], fontsize=7)
    axis.set_xscale("log")
    axis.margins(x=0.18)
    axis.xaxis.set_minor_formatter(NullFormatter())
    axis.tick_params(axis="y", labelsize=7)
    axis.set(xlabel="seconds, median", title=title)
    axis.spines[["top", "right"]].set_visible(False)


def entries_of(content: dict[str, Any], what: str, ours: dict[str, str]) -> list[tuple[str, float, str]]:
    """(label, seconds, colour) of all that ran."""
    found = [(label, content["engine"][name][what], OURS) for name, label in ours.items() if name in content["engine"]]
    return found + [(run["label"], run[what], THEIRS) for run in content["peers"].values() if what in run]


def bars_W1(axis, content: dict[str, Any]) -> None:
    """Forward and BPTT with 20 % wiring and delays."""
    labels = {"threads_2": "this engine", "checkpointed": "this engine, time checkpoints"}
    entries = entries_of(content, "gradient_median_s", labels)
    unfit = {run["label"] for run in content["peers"].values() if "delays (" in run.get("cannot", "")}
    entries = [(f"{label} *" if label in unfit else label, seconds, colour) for label, seconds, colour in entries]
    bars(axis, entries, "W1 bellec2018: forward + BPTT (* without delays)")


def bars_W2(axis, content: dict[str, Any]) -> None:
    """Forward and BPTT, dense."""
    entries = entries_of(content, "gradient_median_s", {"threads_2": "this engine"})
    bars(axis, entries, "W2 dense, no delays: forward + BPTT")


def bars_frozen(axis, content: dict[str, Any]) -> None:
    """Forward alone."""
    bars(axis, entries_of(content, "forward_median_s", {"threads_2": "this engine"}), "W1 frozen: forward")


def growth(axis, content: dict[str, Any]) -> None:
    """Nanoseconds a synapse beside the roofline."""
    sizes = [size for size in content["sizes"].values() if "failed" not in size]
    n = [size["neurons"] for size in sizes]
    for what, colour in (("forward", "#2a6f97"), ("back", OURS)):
        axis.loglog(n, [size[f"{what}_ns_per_synapse"] for size in sizes], "o-", color=colour, label=f"{what}")
        axis.loglog(n, [size[f"{what}_roofline_ns"] for size in sizes], ":", color=colour, label=f"{what}, streamed")
    axis.set(xlabel="neurons", ylabel="ns a synapse visited and episode, one core", title="W3: growth")
    axis.set_yticks([0.1, 0.2, 0.5, 1, 2, 5], ["0.1", "0.2", "0.5", "1", "2", "5"])
    axis.set_xticks(n, [f"{value:,}" for value in n], minor=False, fontsize=8)
    axis.minorticks_off()
    axis.legend(fontsize=8, frameon=False)
    axis.spines[["top", "right"]].set_visible(False)


def length(axis, content: dict[str, Any]) -> None:
    """Memory beyond the records, and what the checkpoints cost."""
    lengths = content["lengths"]
    steps = sorted(lengths, key=int)
    for name, colour in (("plain", THEIRS), ("checkpointed", OURS)):
        memory = [lengths[t][name]["beyond_records_mb"] for t in steps]
        times = [lengths[t][name]["gradient_median_s"] for t in steps]
        axis.loglog([int(t) for t in steps], memory, "o-", color=colour, label=f"{name}: memory beyond the records, MB")
        axis.loglog([int(t) for t in steps], times, "s--", color=colour, label=f"{name}: forward + BPTT, s")
    axis.set(xlabel="episode, ms", ylabel="MB, or s", title="W4: length")
    axis.set_xticks([int(t) for t in steps], [f"{int(t):,}" for t in steps], fontsize=8)
    axis.xaxis.set_minor_formatter(NullFormatter())
    axis.legend(fontsize=8, frameon=False, loc="upper left", bbox_to_anchor=(0.02, 0.62))
    axis.spines[["top", "right"]].set_visible(False)


def split(axis, content: dict[str, Any]) -> None:
    """Where an iteration of meta-training goes."""
    phases = ("roll_out", "adjoint", "optimiser_and_rewiring", "everything_else")
    presets = [name for name, run in content.items() if isinstance(run, dict) and "seconds" in run]
    left = [0.0] * len(presets)
    for phase, colour in zip(phases, ("#2a6f97", OURS, "#e0a458", "#c9ced6"), strict=True):
        widths = [content[name]["seconds"][phase] for name in presets]
        axis.barh(presets, widths, left=left, color=colour, label=phase.replace("_", " "))
        left = [a + b for a, b in zip(left, widths, strict=True)]
    for name, total in zip(presets, left, strict=True):
        axis.text(total, name, f"  {content[name]['network_ms_per_s']:,.0f} network-ms/s", va="center", fontsize=8)
    axis.margins(y=0.3)
    axis.set_xlim(right=2.3 * max(left, default=1.0))
    axis.set(xlabel="seconds an iteration", title="W5: meta-training in closed loop")
    axis.legend(fontsize=8, frameon=False, loc="upper right", ncols=2)
    axis.spines[["top", "right"]].set_visible(False)
