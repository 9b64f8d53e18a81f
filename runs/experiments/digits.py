"""Fits a network to scikit-learn's digits and prints its accuracy on digits that it has not seen.

1797 digits of 8 x 8 pixels come with scikit-learn. A brighter pixel spikes earlier, a black one not at all, each at
most once. A fifth of the digits is the test, the same for all; beside the network, on the same digits: logistic
regression on the pixels, and the same network of which only the readout learns.
"""

import time
from typing import Annotated, Any, NamedTuple

import numpy as np
import typer

from runs.experiments.options import Threads, check_numbers
from runs.output.command import ending_of_speech

STEPS, LATEST = 30, 16  # of a sample; the step of the faintest spike
SPLIT = 1  # of digits to learn and to be tested on; settings were chosen within those that split 0 learns from
NETWORK: dict[str, Any] = {"n_excitatory": 120, "n_adaptive": 80, "input_gain": 2.0, "tau_out_ms": 10.0}
FIT: dict[str, Any] = {"learning_rate": 5e-3, "rate_hz": 30.0, "rate_weight": 1.0}


class Digits(NamedTuple):
    """Pixels (S, 64) from 0 to 1, and the digits (S,), to learn and to be tested on."""

    pixels: np.ndarray
    labels: np.ndarray
    test_pixels: np.ndarray
    test_labels: np.ndarray


def digits() -> Digits:
    """The digits of scikit-learn, a fifth of each class for the test."""
    from sklearn.datasets import load_digits
    from sklearn.model_selection import train_test_split

    pixels, labels = load_digits(return_X_y=True)
    parts = train_test_split(pixels / 16, labels, test_size=0.2, stratify=labels, random_state=SPLIT)
    return Digits(parts[0], parts[2], parts[1], parts[3])


def latency_coded(pixels: np.ndarray) -> np.ndarray:
    """Spikes (S, STEPS, 64) bool: pixel p in 0..1 spikes in step round((1 - p) LATEST), one of 0 never."""
    spikes = np.zeros((len(pixels), STEPS, pixels.shape[1]), bool)
    sample, cell = np.nonzero(pixels > 0)
    step = np.rint((1 - pixels[sample, cell]) * LATEST).astype(int)
    spikes[sample, step, cell] = True
    return spikes


def accuracy_of_logistic_regression(data: Digits) -> float:
    """Its strength of regularisation chosen by cross-validation on the digits that are learnt."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import GridSearchCV

    model = GridSearchCV(LogisticRegression(max_iter=2000), {"C": np.logspace(-2, 3, 11)})
    return float(model.fit(data.pixels, data.labels).score(data.test_pixels, data.test_labels))


def experiment(
    seeds: Annotated[int, typer.Option(help="Networks, of seeds 1, 2, ...")] = 3,
    epochs: Annotated[int, typer.Option(help="How often each digit is learnt.")] = 30,
    threads: Threads = 2,
) -> None:
    """Fit networks to scikit-learn's digits."""
    import lsnn
    from lsnn.progress import say

    check_numbers(seeds=seeds, epochs=epochs, threads=threads)
    data = digits()
    spikes, test = latency_coded(data.pixels), latency_coded(data.test_pixels)
    say(f"{len(data.labels)} digits to learn, {len(data.test_labels)} to be tested on")
    say(f"logistic regression on the pixels: {accuracy_of_logistic_regression(data):.3f}")
    say("seed  accuracy  only the readout  time of the fit (s)")
    for seed in range(1, seeds + 1):
        network, found = lsnn.create(64, 10, seed, **NETWORK), []
        begun = time.monotonic()
        for only_readout in (False, True):
            ways = FIT | {"only_readout": only_readout, "epochs": epochs, "seed": seed, "threads": threads}
            fitted = lsnn.fit(network, spikes, data.labels, progress=False, **ways)
            found.append(float(np.mean(fitted.network(test).mean("time").argmax("output") == data.test_labels)))
            if not only_readout:
                seconds = time.monotonic() - begun
        say(f"{seed:4d}  {found[0]:8.3f}  {found[1]:16.3f}  {seconds:19.0f}")
    raise typer.Exit(ending_of_speech("lsnn"))
