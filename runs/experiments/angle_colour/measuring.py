"""What is measured of every network and of the ring attractor, and the file that keeps it."""

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any, NamedTuple

import h5py
import numpy as np
from numpy.typing import NDArray

from lsnn.files import store
from lsnn.meta import new_network
from lsnn.network import Network
from runs.experiments.angle_colour import ring_attractor, spiking
from runs.experiments.angle_colour.maps import Map, all_maps, colour_cells, colour_weights, distortion
from runs.experiments.angle_colour.reading import decoded_errors, turned_errors
from runs.experiments.angle_colour.spiking import Told, held
from runs.experiments.side_by_side import Opened, group_of
from tasks.angle_recall import AngleRecall
from tasks.encoders import RingCells

Array = NDArray[np.float64]
Keys = NDArray[np.uint64]

DARKS_MS = (200, 500, 1000, 2000)
COLOUR_DARK_MS = 500
UNITS = {"error_deg": "deg", "turned_error_deg": "deg", "decoded_error_deg": "deg", "distortion": "1"}
SAID = {
    "turned_error_deg": "(map, episode): error of the answer after the best rotation or reflection of other episodes",
    "decoded_error_deg": "(map, episode): error of a decoder fitted to the spikes of other episodes",
    "distortion": "(map,): 1 - correlation of the drives by hue and by angle after the best rotation or reflection",
}


class Episodes(NamedTuple):
    """Keys of the episodes that decoders are fitted on and of those that are tested; seed of the maps."""

    fit: Keys
    test: Keys
    seed: int

    @property
    def both(self) -> Keys:
        """All of them, those to fit first."""
        return np.concatenate([self.fit, self.test])


Run = Callable[[AngleRecall, Array, Keys], Told]  # a task of one dark, synapses of its ring or colour cells, keys


def fits(task: Any) -> bool:
    """Whether a task is one of angles on a ring of cells."""
    return task.name == AngleRecall.name and isinstance(task.encoder, RingCells)


def measure(result: h5py.File, networks: list[Opened], keys: Keys, seed: int, threads: int) -> Iterator[None]:
    """Fill the file: a group a network, one of the first network untrained, one of the ring attractor.

    Args:
        keys: (2 E,): on the first half rotations and decoders are fitted, the second is tested.
    """
    half = len(keys) // 2
    episodes, ways, first = Episodes(keys[:half], keys[half:], seed), all_maps(), networks[0]
    result.attrs.update(maps=json.dumps([list(way) for way in ways]), colour_dark_ms=COLOUR_DARK_MS)
    store.put(result, "dark_ms", np.array(DARKS_MS), "ms", "(dark,): between the angle and the cue")
    for number, each in enumerate(networks):
        group, network, task = group_of(result, number, each), each.network.network, each.task
        group.attrs["kind"] = kind_of(each)
        put_spiking(group, network, task, episodes, threads)
        put_colours(group, ways, task, *spiking_run(network, task, threads), episodes)
        if number < len(networks) - 1:
            yield
    untrained = new_network(first.task, first.experiment.network, first.experiment.learning, first.network.seed)
    group = result.create_group("untrained")
    put_colours(group, ways, first.task, *spiking_run(untrained, first.task, threads), episodes)
    put_attractor(result.create_group("attractor"), ways, first.task, episodes)
    yield


def kind_of(network: Opened) -> str:
    """What tells networks apart: `adaptive`, `LIF`, or the name of another neuron model."""
    config = network.experiment.network
    model = config.models[1].name
    return model if model != "alif" else "adaptive" if config.beta > 0 else "LIF"


# Colours


def spiking_run(network: Network, task: AngleRecall, threads: int) -> tuple[Run, Array]:
    """How a spiking network is run with other cells in place of its ring, and the synapses of the ring."""
    n_ring = dict(task.encoder.channels)["ring"]

    def run(colours: AngleRecall, weights: Array, keys: Keys) -> Told:
        return spiking.simulated(spiking.with_colours(network, n_ring, weights), colours, keys, threads)

    return run, spiking.ring_weights(network, n_ring)


def put_colours(
    group: h5py.Group, ways: list[Map], task: AngleRecall, run: Run, weights: Array, episodes: Episodes
) -> None:
    """Errors of hues after every map, and how far each map distorts."""
    found: dict[str, list[Any]] = {name: [] for name in SAID}
    ring: Any = task.encoder
    for way in ways:
        cells, colours = colour_cells(ring, way), colour_weights(weights, way, episodes.seed)
        told = run(replace(held(task, COLOUR_DARK_MS), encoder=cells), colours, episodes.both)
        for name, value in errors(told, len(episodes.fit)).items():
            found[name].append(value)
        found["distortion"].append(distortion(ring, weights, cells, colours))
    for name, values in found.items():
        store.put(group, name, np.array(values), UNITS[name], SAID[name])


def errors(told: Told, fit: int) -> dict[str, Array]:
    """Errors of the episodes after the first `fit`, on which rotation and decoder are fitted."""
    answer, shown, features = told.answer, told.shown, told.features
    return {
        "turned_error_deg": turned_errors(answer[:fit], shown[:fit], answer[fit:], shown[fit:]),
        "decoded_error_deg": decoded_errors(features[:fit], shown[:fit], features[fit:], shown[fit:]),
    }


# Angles


def put_told(group: h5py.Group, told: list[Told]) -> None:
    """The answers after every dark."""
    said = "(dark, episode): direction of the readout"
    store.put(group, "answer_deg", np.degrees([each.answer for each in told]), "deg", said)
    store.put(group, "shown_deg", np.degrees([each.shown for each in told]), "deg", "(dark, episode): the angle")


def put_spiking(group: h5py.Group, network: Network, task: AngleRecall, episodes: Episodes, threads: int) -> None:
    """What a spiking network does with angles: answers by dark, rate in the dark, answers after erasures."""
    keys = episodes.test
    put_told(group, [spiking.simulated(network, held(task, ms), keys, threads) for ms in DARKS_MS])
    rates = spiking.dark_rates(network, held(task, DARKS_MS[-1]), keys, threads)
    store.put(group, "dark_rate_hz", rates, "Hz", f"(bin,): mean rate of a neuron in each {spiking.RATE_BIN_MS} ms")
    erasures, found = spiking.erasures(network), []
    for parts in erasures.values():
        told = spiking.after_erasure(network, held(task, COLOUR_DARK_MS), keys, parts, threads)
        found.append(np.degrees(np.abs(np.angle(np.exp(1j * (told.answer - told.shown))))))
    group.attrs["erased"] = json.dumps(list(erasures))
    said = "(erasure, episode): error after parts of the state were erased half way through the dark"
    store.put(group, "erased_error_deg", np.array(found), "deg", said)


def put_attractor(group: h5py.Group, ways: list[Map], task: AngleRecall, episodes: Episodes) -> None:
    """The same of the ring attractor, and how its bump drifts."""
    ring: Any = task.encoder
    weights = ring_attractor.input_weights(ring)
    runs = [ring_attractor.run(held(task, ms), episodes.test, weights, episodes.seed) for ms in DARKS_MS]
    put_told(group, [each.told for each in runs])
    longest = runs[-1]
    drift = np.angle(np.exp(1j * (longest.position - longest.position[0])))
    said = f"(time, episode): way of the bump since the angle went, every {ring_attractor.WATCHED_MS} ms"
    store.put(group, "drift_deg", np.degrees(drift), "deg", said)
    store.put(group, "dark_rate_hz", longest.rate_hz, "Hz", f"(time,): mean rate every {ring_attractor.WATCHED_MS} ms")

    def run(colours: AngleRecall, synapses: Array, keys: Keys) -> Told:
        return ring_attractor.run(colours, keys, synapses, episodes.seed).told

    put_colours(group, ways, task, run, weights, episodes)
