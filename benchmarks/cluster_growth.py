"""How meta-training would grow to 1000 workers: a model in a few lines, from times measured by `cluster_overhead`.

    python -m benchmarks.cluster_growth benchmarks/cluster.json --out benchmarks/cluster_growth.png

**Simulated, not measured.** An iteration with B blocks on W workers of one thread takes

    T(W) = C (t_call + W t_message) + W (t_weights C_w + bytes_back / bandwidth) + ceil(B / W) t_block + B t_add

in which C = 2 calls an iteration (roll out, gradient), C_w = 2 of them carry the weights, t_block is the time of
a block from roll-out to gradient on one thread, t_call that of an empty call to the workers measured, t_message =
t_call / workers measured, t_weights the time to send the weights to one worker, t_add that of adding up one gradient.

Assumptions, all to the cluster's disadvantage or stated:
- the process that learns sends and receives one message after the other, nothing overlaps;
- each worker's gradients come back over a link of `--bandwidth` bytes a second, as one stream through that process;
  rewards and flags, which come back too (of `compact` about as much again), are left out, to the cluster's advantage:
  with 8 blocks on each of 1000 workers the speed drawn is a sixth too high;
- no worker is slower than another and none fails; the network between machines has the latency measured within one;
- strong growth: 64 blocks (512 episodes) stay 64 blocks. Weak growth: B grows with W.
"""

import argparse
import io
import json
import sys
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from lsnn.files.whole import write_whole

CALLS, WITH_WEIGHTS = 2, 2
WORKERS = np.unique(np.round(np.logspace(0, 3, 61)).astype(int))
STRONG_BLOCKS = 64


def iteration_s(found: dict, workers: np.ndarray, blocks: np.ndarray, bandwidth: float) -> np.ndarray:
    """T(W), seconds."""
    message = found["call_s"] / found["workers"]
    calls = CALLS * (found["call_s"] + workers * message)
    travel = workers * WITH_WEIGHTS * found["send_weights_s"] + blocks * found["gradient_bytes"] / bandwidth
    return calls + travel + np.ceil(blocks / workers) * found["block_s"] + blocks * found["add_gradient_s"]


def curves(found: dict, bandwidth: float) -> dict[str, np.ndarray]:
    """Blocks a second, relative to one thread: with 64 blocks, and with a block a worker."""
    alone = 1 / (found["block_s"] + found["add_gradient_s"])
    strong, weak = np.full(len(WORKERS), STRONG_BLOCKS), WORKERS
    return {
        "64 blocks": strong / iteration_s(found, WORKERS, strong, bandwidth) / alone,
        "a block a worker": weak / iteration_s(found, WORKERS, weak, bandwidth) / alone,
        "8 blocks a worker": 8 * weak / iteration_s(found, WORKERS, 8 * weak, bandwidth) / alone,
    }


def draw(found: dict, bandwidth: float, path: Path) -> None:
    """Speed against workers, both logarithmic."""
    figure = Figure(figsize=(8, 5.6), layout="constrained")
    axes = figure.subplots()
    axes.plot(WORKERS, WORKERS, color="0.6", linestyle=":", label="ideal")
    for name, speed in curves(found, bandwidth).items():
        axes.plot(WORKERS, speed, linewidth=2.2, label=name)
    axes.set(
        xscale="log", yscale="log", xlabel="workers of one thread", ylabel="speed relative to one thread",
        title=f"Simulated growth, {found['preset']}: a block takes {1e3 * found['block_s']:.0f} ms",
    )  # fmt: skip
    axes.legend(frameon=False)
    image = io.BytesIO()
    figure.savefig(image, format="png", dpi=150, metadata={"Software": None})
    write_whole(path, image.getvalue())


def main(arguments: list[str]) -> int:
    """Print a few points of the curves and draw them."""
    parser = argparse.ArgumentParser(prog="benchmarks.cluster_growth", description=__doc__.splitlines()[0])
    parser.add_argument("measured", type=Path, help="what cluster_overhead wrote")
    parser.add_argument("--bandwidth", type=float, default=1e9, help="bytes a second into the learning process")
    parser.add_argument("--out", type=Path, default=Path("results/cluster_growth.png"))
    options = parser.parse_args(arguments)
    found = json.loads(options.measured.read_text())
    for name, speed in curves(found, options.bandwidth).items():
        points = [f"{w}: {np.interp(w, WORKERS, speed):.1f}" for w in (1, 2, 10, 100, 1000)]
        print(f"{name}: simulated speed at workers {', '.join(points)}")
    options.out.parent.mkdir(parents=True, exist_ok=True)
    draw(found, options.bandwidth, options.out)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
