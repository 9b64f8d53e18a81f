"""What 64 cores, 1000 workers and a GPU would do: calculated from measured pieces, run on none of them.

    python -m benchmarks.scale_on_paper --out benchmarks/scale_on_paper.png

Network-ms a second of W1 (400 neurons, 20 Hz, gradient included) against what is added. Measured: `results.json` (a
block of eight episodes on one thread, one thread beside two), `cluster.json` (calls, messages, gradients).

**A machine of C cores**, E = 512 episodes in 64 blocks: ceil(64 / C) rounds of one block's time, that of two cores at
once; the record of a block (state variables written once, read once) must pass the memory, 200 GB/s in all cores.
**W workers**: `cluster_growth` with 8 blocks of W1 a worker; its sending of messages one after the other.
**A GPU**, nothing of which is measured here: every step forwards and backwards waits 5 us for the one before it, and
each synapse that a lane needs is a sector of 32 bytes from its L2, 5 TB/s. (Needed a step and episode at 20 Hz: 1090
synapses forwards, as many for dL/dW, both read and written, and 4260 for dL/dz.) Records must fit 80 GB.
"""

import argparse
import io
import json
import sys
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from benchmarks.cluster_growth import WORKERS, iteration_s
from lsnn.files.whole import write_whole

HERE = Path(__file__).parent
EPISODES, STEPS, LANES, SLOTS = 64, 2000, 8, 520  # of W1; slots: 400 membranes and 120 adaptations
MEMORY_BYTES_S, MACHINE_BLOCKS = 200e9, 64
STEP_S, SECTOR_BYTES, CACHE_BYTES_S, GPU_BYTES = 5e-6, 32, 5e12, 80e9
SYNAPSES = 2 * 1090 + 2 * 1090 + 4260  # sectors a step and episode
BLOCKS_A_WORKER = 8
RECORD_BYTES = STEPS * SLOTS * LANES * 4  # of a block


def block_s(results: dict, threads: str) -> float:
    """Seconds that a thread needs for the gradient of a block, alone ("one") or beside another ("two")."""
    count = {"one": 1, "two": 2}[threads]
    return results["threads"][threads]["gradient_median_s"] * count * LANES / EPISODES


def cores(results: dict, count: np.ndarray) -> np.ndarray:
    """Network-ms a second of a machine."""
    rounds = np.ceil(MACHINE_BLOCKS / count) * block_s(results, "two")
    seconds = np.maximum(rounds, MACHINE_BLOCKS * 2 * RECORD_BYTES / MEMORY_BYTES_S)
    return MACHINE_BLOCKS * LANES * STEPS / seconds


def cluster(results: dict, pieces: dict, bandwidth: float = 1e9) -> np.ndarray:
    """Network-ms a second of WORKERS."""
    blocks = BLOCKS_A_WORKER * WORKERS
    seconds = iteration_s(pieces | {"block_s": block_s(results, "two")}, WORKERS, blocks, bandwidth)
    return blocks * LANES * STEPS / seconds


def gpu(episodes: np.ndarray) -> np.ndarray:
    """Network-ms a second; NaN where the records do not fit."""
    step = np.maximum(2 * STEP_S, episodes * SYNAPSES * SECTOR_BYTES / CACHE_BYTES_S)
    return np.where(episodes * RECORD_BYTES / LANES < GPU_BYTES, episodes / step, np.nan)


def draw(results: dict, pieces: dict, path: Path) -> None:
    """One curve each, with the ideal."""
    figure, count = Figure(figsize=(13, 4.2), layout="constrained"), np.arange(1, 129)
    episodes = np.unique(np.round(np.logspace(0, 4, 81)))
    panels = (
        (count, cores(results, count), "cores of a machine, 512 episodes"),
        (WORKERS, cluster(results, pieces), f"workers, {BLOCKS_A_WORKER} blocks of 8 episodes each"),
        (episodes, gpu(episodes), "episodes at once on a GPU"),
    )
    for axes, (x, y, label) in zip(figure.subplots(1, 3, sharey=True), panels, strict=True):
        axes.loglog(x, y[0] * x / x[0], ":", color="0.6", label="in proportion")
        axes.loglog(x, y, color="#c23b22", linewidth=2.2, label="calculated")
        axes.axhline(measured(results), color="#2a6f97", linewidth=1, label="two cores, measured")
        axes.set(xlabel=label, ylim=(1e4, 1e9))
        axes.spines[["top", "right"]].set_visible(False)
    figure.axes[0].set_ylabel("network-ms a second, gradient included")
    figure.axes[0].legend(frameon=False, fontsize=8)
    image = io.BytesIO()
    figure.savefig(image, format="png", dpi=120, metadata={"Software": None})
    write_whole(path, image.getvalue())


def measured(results: dict) -> float:
    """Network-ms a second on two cores."""
    return EPISODES * STEPS / results["threads"]["two"]["gradient_median_s"]


def main(arguments: list[str]) -> int:
    """Print a few points and draw the curves."""
    parser = argparse.ArgumentParser(prog="benchmarks.scale_on_paper", description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path("results/scale_on_paper.png"))
    options = parser.parse_args(arguments)
    results, pieces = (json.loads((HERE / name).read_text()) for name in ("results.json", "cluster.json"))
    base = measured(results)
    print(f"two cores, measured: {base:,.0f} network-ms a second")
    for what, x, y in (
        ("cores", (2, 16, 64, 128), cores(results, np.array([2, 16, 64, 128]))),
        ("workers", (2, 16, 100, 1000), np.interp((2, 16, 100, 1000), WORKERS, cluster(results, pieces))),
        ("episodes on a GPU", (64, 128, 1024), gpu(np.array([64, 128, 1024]))),
    ):
        print(f"{what}, calculated: " + ", ".join(f"{n}: {v / base:.1f} x" for n, v in zip(x, y, strict=True)))
    options.out.parent.mkdir(parents=True, exist_ok=True)
    draw(results, pieces, options.out)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
