"""What each answer pays attention to, and the file of the experiment."""

from typing import NamedTuple

import h5py
import numpy as np

from lsnn import create
from lsnn.files import store
from lsnn.progress import meter
from lsnn.seeds import STUDY_BRANCH, Study
from runs.experiments.digits import NETWORK, Digits, digits, latency_coded
from runs.experiments.dual_form.readout import Training, attended, filtered_spikes, train, values_of, weights_of

CLASSES, SHOWN = 10, 5  # SHOWN: examples that are named for each answer

TEXTS = {
    "logit": "(test digit, class): the trained weights times the features",
    "attended": "(test digit, class): the same from the first weights and attention over all presentations",
    "initial": "(test digit, class): the part of the first weights",
    "by_class": "(test digit, class of the examples): what they add to the logit of the answer",
    "attention": "(test digit, class of the examples): mean scalar product of features",
    "half": "(test digit,): how few examples make up half of what all add or take away",
    "support": "(test digit, 5): what the examples add that add most",
    "shuffled_logit": "(test digit, class): as logit, of a readout that learnt shuffled labels",
    "shuffled_attended": "(test digit, class): likewise as attended",
    "supporting": "(test digit, 5): the examples that add most",
}


class Attention(NamedTuple):
    """What the examples add to the logit of each answer; m test digits."""

    by_class: np.ndarray  # (m, classes of examples)
    attention: np.ndarray  # (m, classes of examples)
    half: np.ndarray  # (m,)
    supporting: np.ndarray  # (m, SHOWN)
    support: np.ndarray  # (m, SHOWN)


def attention_of(
    training: Training, features: np.ndarray, labels: np.ndarray, queries: np.ndarray, answers: np.ndarray
) -> Attention:
    """Of queries (m, f) with answers (m,), by example: attention x_i . q times the value for the class answered."""
    paid, of_class = queries @ features.T, np.eye(CLASSES)[labels]
    added = paid * values_of(training, len(labels))[:, answers].T
    size = -np.sort(-np.abs(added), axis=1)
    half = 1 + np.sum(np.cumsum(size, axis=1) < size.sum(axis=1, keepdims=True) / 2, axis=1)
    most = np.argsort(-added, axis=1, kind="stable")[:, :SHOWN]
    attention = paid @ of_class / np.maximum(of_class.sum(axis=0), 1)
    return Attention(added @ of_class, attention, half, most, np.take_along_axis(added, most, axis=1))


def measure(file: h5py.File, seeds: int, rate: float, epochs: int, batch: int) -> None:
    """Fill the file: the digits, and a group a seed."""
    data = digits()
    sixteenths = {"pixels": data.pixels, "test_pixels": data.test_pixels}
    for name, pixels in sixteenths.items():
        store.put(file, name, np.rint(16 * pixels).astype(np.uint8), "1/16", "(digit, pixel): brightness")
    store.put(file, "label", data.labels, "1", "(digit,): class of each example")
    store.put(file, "test_label", data.test_labels, "1", "(test digit,): its class")
    file.attrs.update(rate=rate, epochs=epochs, batch=batch)
    with meter() as shown:
        for seed in range(1, seeds + 1):
            group = file.create_group(f"seed_{seed}")
            for name, array in _of_seed(data, seed, rate, epochs, batch).items():
                store.put(group, name, array, "1", TEXTS[name])
            shown.show(seed / seeds, f"seed {seed}")


def _of_seed(data: Digits, seed: int, rate: float, epochs: int, batch: int) -> dict[str, np.ndarray]:
    """Train on the digits and on shuffled labels; answers of both kinds, and what the first attend to."""
    network = create(data.pixels.shape[1], CLASSES, seed, **NETWORK)
    features, queries = (filtered_spikes(network, latency_coded(each)) for each in (data.pixels, data.test_pixels))
    branch = np.random.SeedSequence(seed, spawn_key=(STUDY_BRANCH, Study.DUAL_FORM))
    generator, first = np.random.default_rng(branch), weights_of(network)
    training = train(features, data.labels, first, rate, epochs, batch, generator)
    shuffled = train(features, generator.permutation(data.labels), first, rate, epochs, batch, generator)
    logit = queries @ training.last
    found = attention_of(training, features, data.labels, queries, logit.argmax(axis=1))
    return {
        "logit": logit,
        "attended": attended(training, features, queries),
        "initial": queries @ first,
        "shuffled_logit": queries @ shuffled.last,
        "shuffled_attended": attended(shuffled, features, queries),
        **found._asdict(),
    }
