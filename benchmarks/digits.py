"""scikit-learn's digits, latency-coded, learnt by `lsnn.fit`, snnTorch and Norse: accuracy, seconds, memory.

    python -m benchmarks.digits --out digits.json       (in the environment of `make bench`)

The same network for all: 64 input cells, 200 LIF neurons, all connected, tau_m 20 ms, no refractoriness, a leaky
readout of 10 classes with tau_out 10 ms; cross-entropy over its mean; the same epochs, batches, Adam and cosine of the
learning rate. Each starts from its own weights and has its own surrogate; the split of the digits is that of
`lsnn experiment digits`. One process each, so that memory is its own. Threads of each are as many as asked for.
"""

import argparse
import json
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from runs.experiments.digits import STEPS, Digits, digits, latency_coded

NEURONS, CLASSES, TAU_M_MS, TAU_OUT_MS = 200, 10, 20.0, 10.0
BATCH, RATE = 64, 5e-3
Scored = tuple[float, float]  # accuracy on the test, seconds of learning


def by_engine(data: Digits, epochs: int, seed: int, threads: int) -> Scored:
    """`lsnn.fit`."""
    import lsnn

    network = lsnn.create(
        64, CLASSES, seed, n_excitatory=NEURONS, n_adaptive=0, tau_m_min_ms=TAU_M_MS, tau_m_max_ms=TAU_M_MS,
        tau_out_ms=TAU_OUT_MS, refractory_ms=1, input_gain=2.0,
    )  # fmt: skip
    network(latency_coded(data.pixels[:8]))
    lsnn.fit(network, latency_coded(data.pixels[:8]), data.labels[:8], epochs=1, progress=False)  # compiled by now
    start = time.perf_counter()
    fitted = lsnn.fit(
        network, latency_coded(data.pixels), data.labels, epochs=epochs, batch=BATCH, learning_rate=RATE, seed=seed,
        average_rate=1.0, threads=threads, progress=False,
    )  # fmt: skip
    seconds = time.perf_counter() - start
    chosen = fitted.network(latency_coded(data.test_pixels)).mean("time").argmax("output")
    return float((chosen == data.test_labels).mean()), seconds


def by_torch(make: Callable[[], Any], data: Digits, epochs: int, seed: int, threads: int) -> Scored:
    """A module of PyTorch, spikes (steps, samples, cells) -> readout (steps, samples, classes)."""
    import torch

    torch.set_num_threads(threads)
    torch.manual_seed(seed)
    module, labels = make(), torch.from_numpy(data.labels)
    spikes, unseen = (
        torch.from_numpy(latency_coded(pixels)).float().transpose(0, 1) for pixels in (data.pixels, data.test_pixels)
    )
    steps = -(-len(labels) // BATCH)
    adam = torch.optim.Adam(module.parameters(), lr=RATE)
    falls = torch.optim.lr_scheduler.CosineAnnealingLR(adam, epochs * steps, RATE / 10)
    start = time.perf_counter()
    for _ in range(epochs):
        for chosen in torch.randperm(len(labels)).split(BATCH):
            adam.zero_grad()
            loss = torch.nn.functional.cross_entropy(module(spikes[:, chosen]).mean(0), labels[chosen])
            loss.backward()
            torch.nn.utils.clip_grad_norm_(module.parameters(), 1.0)
            adam.step()
            falls.step()
    seconds = time.perf_counter() - start
    with torch.no_grad():
        right = module(unseen).mean(0).argmax(1).numpy() == data.test_labels
    return float(right.mean()), seconds


def of_snntorch() -> Any:
    """`snntorch.RLeaky` and `snntorch.Leaky`, which decay by exp(-dt/tau)."""
    import snntorch
    import torch

    class Network(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.into, self.out = torch.nn.Linear(64, NEURONS), torch.nn.Linear(NEURONS, CLASSES)
            self.cells = snntorch.RLeaky(beta=float(np.exp(-1 / TAU_M_MS)), linear_features=NEURONS)
            self.readout = snntorch.Leaky(beta=float(np.exp(-1 / TAU_OUT_MS)), reset_mechanism="none")

        def forward(self, x: Any) -> Any:
            z, v = self.cells.init_rleaky()
            r, rows = self.readout.init_leaky(), []
            for now in x:
                z, v = self.cells(self.into(now), z, v)
                _, r = self.readout(self.out(z), r)
                rows.append(r)
            return torch.stack(rows)

    return Network()


def of_norse() -> Any:
    """`norse.torch.LIFRecurrentCell` and `LILinearCell` with synaptic currents of one step."""
    import norse.torch as norse
    import torch
    from norse.torch.functional.leaky_integrator import LIParameters
    from norse.torch.functional.lif import LIFParameters

    one_step = torch.as_tensor(1000.0)
    cells = LIFParameters(tau_syn_inv=one_step, tau_mem_inv=torch.as_tensor(1000 / TAU_M_MS), v_th=torch.as_tensor(0.1))
    leaky = LIParameters(tau_syn_inv=one_step, tau_mem_inv=torch.as_tensor(1000 / TAU_OUT_MS))

    class Network(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.cells = norse.LIFRecurrentCell(64, NEURONS, p=cells)
            self.readout = norse.LILinearCell(NEURONS, CLASSES, p=leaky)

        def forward(self, x: Any) -> Any:
            state = integrated = None
            rows = []
            for now in x:
                z, state = self.cells(now, state)
                r, integrated = self.readout(z, integrated)
                rows.append(r)
            return torch.stack(rows)

    return Network()


LEARNERS: dict[str, Callable[[Digits, int, int, int], Scored]] = {
    "lsnn": by_engine,
    "snntorch": lambda *given: by_torch(of_snntorch, *given),
    "norse": lambda *given: by_torch(of_norse, *given),
}


def one(name: str, epochs: int, seed: int, threads: int, samples: int | None) -> dict[str, Any]:
    """A run of one of them in this process."""
    data = digits()
    if samples is not None:
        data = data._replace(pixels=data.pixels[:samples], labels=data.labels[:samples])
    accuracy, seconds = LEARNERS[name](data, epochs, seed, threads)
    unit = 1 if sys.platform == "darwin" else 1024
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e6
    return {"learner": name, "seed": seed, "epochs": epochs, "steps": STEPS, "threads": threads,
            "accuracy": accuracy, "seconds": seconds, "memory_mb": memory}  # fmt: skip


def main() -> None:
    """All of them, one process after the other; or `--only` one in this process."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--samples", type=int, help="learn from so many digits alone: does it run?")
    parser.add_argument("--only", choices=tuple(LEARNERS))
    parser.add_argument("--out", type=Path)
    given = parser.parse_args()
    if given.only:
        print(json.dumps(one(given.only, given.epochs, given.seeds[0], given.threads, given.samples)))
        return
    found = []
    for seed in given.seeds:
        for name in LEARNERS:
            ways = ["--epochs", given.epochs, "--seeds", seed, "--threads", given.threads, "--only", name]
            ways += [] if given.samples is None else ["--samples", given.samples]
            told = subprocess.check_output([sys.executable, "-m", "benchmarks.digits", *map(str, ways)], text=True)
            found.append(json.loads(told.splitlines()[-1]))
            print("{learner}, seed {seed}: {accuracy:.3f}, {seconds:.1f} s, {memory_mb:.0f} MB".format(**found[-1]))
    if given.out is not None:
        given.out.write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
