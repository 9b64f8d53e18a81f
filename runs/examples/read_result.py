"""Read a result file: a table of its numbers, and escape latency by trial as a figure."""

import sys

import matplotlib.pyplot as plt

import lsnn


def main(path: str, figure: str = "latency.png") -> None:
    """Print what a result of `lsnn test` on water mazes holds, and draw it."""
    result = lsnn.open_result(path)
    print(result)
    print(lsnn.compare(result).pivot(index="label", columns="measure", values="value").round(1))
    rate_hz = 1000 * result["frozen"].spikes.groupby("population").mean(...)
    print("firing rates (Hz):", rate_hz.to_series().round(1).to_dict())

    shown, axes = plt.subplots(layout="constrained")
    for name in ("frozen", "state_reset", "circling", "oracle"):
        median = [result[name].estimate("latency_ms", trials=(trial, trial)) for trial in range(6)]
        axes.plot(range(1, 7), [each.value for each in median], marker="o", label=result[name].label)
        axes.fill_between(range(1, 7), [each.low for each in median], [each.high for each in median], alpha=0.2)
    axes.set(xlabel="trial", ylabel="median escape latency (ms)", yscale="log")
    axes.legend(frameon=False)
    shown.savefig(figure)
    plt.close(shown)


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit("usage: python -m runs.examples.read_result RESULT.h5 [FIGURE.png]")
    main(*sys.argv[1:])
