"""Angles and colours: maps by hand, networks with other cells, errors, the ring attractor, the file and its figure."""

from dataclasses import replace

import h5py
import numpy as np
import pytest

import lsnn
from analysis import angle_colour as analysis
from lsnn.errors import InputError
from lsnn.files.results import Result
from runs.experiments.angle_colour import maps, measuring, ring_attractor, spiking
from runs.experiments.angle_colour.maps import Map, all_maps, colour_cells, colour_weights, distortion, landed
from runs.experiments.angle_colour.reading import best_turn, decoded_errors, turned_errors
from runs.experiments.options import PRETRAINED
from tasks.angle_recall import AngleRecall
from tasks.encoders import RingCells
from tests.runs.refusals import assert_one_line, experiment, saved_again

NETWORK = PRETRAINED / "angle_recall.lsnn.h5"
RING = RingCells(n_cells=8, width_deg=40.0)
WEIGHTS = np.random.default_rng(3).normal(size=(8, 5))
KEYS = np.arange(8, dtype=np.uint64)
TASK = AngleRecall(show_ms=20, dark_ms_min=10, dark_ms=10, cue_ms=20, answer_ms=10)


@pytest.fixture(scope="module")
def network():
    return lsnn.load(NETWORK).network


# Maps


def test_between_two_cells_their_synapses_are_mixed_by_nearness():
    quarter = np.array([[0.0], [4.0], [8.0], [12.0]])  # cells at 0, 90, 180, 270 degrees
    found = landed(quarter, np.radians([0, 90, 45, 22.5, 315, -90, 450]))
    np.testing.assert_allclose(found[:, 0], [0, 4, 2, 1, 6, 12, 4], atol=1e-12)


@pytest.mark.parametrize(
    ("way", "rows"),
    [
        (Map("same"), [0, 1, 2, 3, 4, 5, 6, 7]),
        (Map("turned"), [2, 3, 4, 5, 6, 7, 0, 1]),
        (Map("mirrored"), [0, 7, 6, 5, 4, 3, 2, 1]),
        (Map("folded"), [0, 1, 2, 3, 4, 3, 2, 1]),
        (Map("warp", 0.0), [0, 1, 2, 3, 4, 5, 6, 7]),
        (Map("warp", np.pi / 2), [0, None, 4, None, 4, None, 4, None]),
        (Map("noise", 0.0), [0, 1, 2, 3, 4, 5, 6, 7]),
        (Map("overlap", 1.0), [0, 1, 2, 3, 4, 5, 6, 7]),
        (Map("width", 90.0), [0, 1, 2, 3, 4, 5, 6, 7]),
    ],
)
def test_which_synapses_a_map_gives(way, rows):
    found = colour_weights(WEIGHTS, way, 0)
    for cell, row in enumerate(rows):
        if row is not None:
            np.testing.assert_allclose(found[cell], WEIGHTS[row], atol=1e-12)


def test_maps_that_are_drawn_differ_by_draw_and_seed_alone():
    for kind, value in (("shuffled", 0.0), ("noise", 40.0), ("overlap", 0.5)):
        first = colour_weights(WEIGHTS, Map(kind, value), 0)
        np.testing.assert_array_equal(first, colour_weights(WEIGHTS, Map(kind, value), 0))
        assert not np.array_equal(first, colour_weights(WEIGHTS, Map(kind, value, 1), 0))
        assert not np.array_equal(first, colour_weights(WEIGHTS, Map(kind, value), 1))
    shuffled = colour_weights(WEIGHTS, Map("shuffled"), 0)
    np.testing.assert_array_equal(np.sort(shuffled, axis=0), np.sort(WEIGHTS, axis=0))
    lost = colour_weights(WEIGHTS, Map("overlap", 0.0), 0)
    np.testing.assert_array_equal(np.sort(lost.ravel()), np.sort(WEIGHTS.ravel()))


def test_other_cells_drive_as_strongly():
    narrow = colour_cells(RING, Map("width", 20.0))
    hues = np.linspace(0, 2 * np.pi, 200, endpoint=False)
    assert narrow.probabilities(hues).mean() == pytest.approx(RING.probabilities(hues).mean(), rel=1e-3)
    assert colour_cells(RING, Map("cells", 4.0)).n_cells == 4
    few = colour_weights(WEIGHTS, Map("cells", 4.0), 0)
    np.testing.assert_allclose(few, 2 * WEIGHTS[::2])


def test_distortion_is_none_in_another_order_of_the_circle_and_whole_where_nothing_is_alike():
    for kind in ("same", "turned", "mirrored"):
        assert distortion(RING, WEIGHTS, RING, colour_weights(WEIGHTS, Map(kind), 0)) == pytest.approx(0, abs=1e-9)
    apart = np.zeros((8, 10))
    apart[:, 5:] = WEIGHTS
    assert distortion(RING, np.pad(WEIGHTS, ((0, 0), (0, 5))), RING, apart) == pytest.approx(1.0)
    warped = [distortion(RING, WEIGHTS, RING, colour_weights(WEIGHTS, Map("warp", a), 0)) for a in (0.0, 0.5, 1.5)]
    assert warped[0] < 1e-9 < warped[1] < warped[2]


# Errors


def test_the_best_turn_undoes_rotation_and_reflection():
    shown = np.random.default_rng(0).uniform(0, 2 * np.pi, 200)
    for sign, offset in ((1, 0.4), (-1, -2.0)):
        told = np.angle(np.exp(1j * (sign * shown + offset)))
        assert best_turn(told, shown) == (sign, pytest.approx(offset))
        assert turned_errors(told[:100], shown[:100], told[100:], shown[100:]).max() < 1e-6
    noisy = shown + np.radians(20) * np.where(np.arange(200) % 2, 1, -1)
    assert turned_errors(noisy[:100], shown[:100], noisy[100:], shown[100:]) == pytest.approx(20.0, abs=0.1)


def test_a_decoder_reads_what_features_hold_and_nothing_else():
    generator = np.random.default_rng(1)
    shown = generator.uniform(0, 2 * np.pi, 400)
    features = np.stack([np.cos(shown), np.sin(shown), np.ones(400)], axis=1)
    assert decoded_errors(features[:200], shown[:200], features[200:], shown[200:]).max() < 1.0
    noise = generator.normal(size=(400, 3))
    assert decoded_errors(noise[:200], shown[:200], noise[200:], shown[200:]).mean() == pytest.approx(90.0, abs=12.0)


# Networks


def test_the_same_cells_make_the_same_network(network):
    weights = spiking.ring_weights(network, 32)
    again = spiking.with_colours(network, 32, weights)
    own, other = (spiking.simulated(each, TASK, KEYS, 1) for each in (network, again))
    for one, two in zip(own, other, strict=True):
        np.testing.assert_array_equal(one, two)
    more = spiking.with_colours(network, 32, np.repeat(weights, 2, axis=0))
    np.testing.assert_array_equal(spiking.ring_weights(more, 64)[::2], weights)
    np.testing.assert_array_equal(more.readout, network.readout)
    more.check()


def test_features_are_spikes_low_passed_to_the_answer(network):
    record = lsnn.simulate(network, TASK, keys=KEYS)
    told = spiking.told_by(record)
    trace = np.zeros((8, network.config.n_neurons))
    for step in range(TASK.duration_ms):
        trace = trace * np.exp(-1 / 30) + record.spikes.to_xarray().values[:, step]
    np.testing.assert_allclose(told.features, trace, atol=1e-9)
    np.testing.assert_allclose(told.shown, TASK.starts(KEYS)[:, 2])


def test_a_network_with_signs_is_refused(network):
    signed = replace(network, config=replace(network.config, dale=True))
    with pytest.raises(InputError, match="must have neither Dale's law, rewiring nor delays"):
        spiking.with_colours(signed, 32, np.zeros((4, network.config.n_neurons)))


def test_parts_are_erased_half_way_through_the_dark(network):
    found = spiking.erasures(network)
    assert list(found) == ["nothing", "v", "b", "all but v", "all but b"]
    assert found["all but b"] == ("v", "refractory", "delay_lines", "readout")
    plain = replace(network, beta=np.zeros_like(network.beta))
    assert list(spiking.erasures(plain)) == ["nothing", "v", "all but v"]
    own = spiking.simulated(network, TASK, KEYS, 1)
    np.testing.assert_array_equal(spiking.after_erasure(network, TASK, KEYS, (), 1).answer, own.answer)
    forgotten = spiking.after_erasure(network, TASK, KEYS, ("v", *found["all but v"]), 1)
    simulation = lsnn.Simulation(network, TASK, keys=KEYS)
    simulation.run(25).erase()
    np.testing.assert_array_equal(forgotten.answer, spiking.told_by(simulation.run().record).answer)


def test_a_shipped_network_keeps_the_angle_in_its_thresholds(network):
    task, keys = spiking.held(AngleRecall(), 500), np.arange(48, dtype=np.uint64)
    error, parts = {}, spiking.erasures(network)
    for name in ("nothing", "b", "all but b"):
        told = spiking.after_erasure(network, task, keys, parts[name], 1)
        error[name] = np.degrees(np.abs(np.angle(np.exp(1j * (told.answer - told.shown))))).mean()
    assert error["nothing"] < 7 and error["all but b"] < 7 and error["b"] > 45


# The ring attractor


def test_a_bump_stays_where_the_angle_was_shown():
    task, ring = AngleRecall(show_ms=100, dark_ms_min=200, dark_ms=200, cue_ms=50), RingCells()
    ran = ring_attractor.run(task, KEYS, ring_attractor.input_weights(ring), 0)
    apart = np.degrees(np.abs(np.angle(np.exp(1j * (ran.position - ran.told.shown)))))
    assert apart.max() < 15 and ran.position.shape == (5, 8) and np.all(ran.rate_hz > 3)
    assert np.degrees(np.abs(np.angle(np.exp(1j * (ran.told.answer - ran.told.shown))))).mean() < 10
    nothing = ring_attractor.run(task, KEYS, np.zeros((32, ring_attractor.CELLS)), 0)
    assert np.degrees(np.abs(np.angle(np.exp(1j * (nothing.told.answer - nothing.told.shown))))).mean() > 40


def test_the_attractor_is_driven_by_a_mean_current_of_one():
    ring = RingCells()
    mean = ring.probabilities(2 * np.pi * np.arange(32) / 32) @ ring_attractor.input_weights(ring)
    assert mean.max(axis=1) == pytest.approx(ring_attractor.INPUT) and mean.argmax(axis=1)[8] == 16
    with pytest.raises(InputError, match="dark_ms_min must be dark_ms for the ring attractor, got 50"):
        ring_attractor.run(AngleRecall(), KEYS, mean, 0)


# The experiment


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    out = tmp_path_factory.mktemp("colour")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(maps, "GRADED", {"cells": (16.0,)})
        patch.setattr(maps, "KINDS", ("same", "cells"))
        patch.setattr(measuring, "DARKS_MS", (50, 100))
        patch.setattr(measuring, "COLOUR_DARK_MS", 50)
        networks = NETWORK, PRETRAINED / "angle_recall_lif.lsnn.h5", saved_again(NETWORK, out)
        assert experiment("angle-colour", *networks, "--episodes", 16, "--threads", 1, "--out", out) == 0
    return out


def test_equal_networks_are_measured_alike(folder):
    with h5py.File(folder / "angle_colour.h5") as file:
        assert [file[f"network_{k}"].attrs["kind"].decode() for k in range(3)] == ["adaptive", "LIF", "adaptive"]
        for name in ("answer_deg", "erased_error_deg", "turned_error_deg", "decoded_error_deg", "distortion"):
            np.testing.assert_array_equal(file["network_0"][name], file["network_2"][name])
        assert file["untrained"]["decoded_error_deg"].shape == file["attractor"]["turned_error_deg"].shape == (2, 16)
        drift = file["attractor"]["drift_deg"][:]
        assert drift.shape == (4, 16) and not drift[0].any() and drift[1:].any()
        assert file["network_0"]["turned_error_deg"][0].mean() < 10 < file["untrained"]["turned_error_deg"][0].mean()


def test_the_figure_says_what_was_measured(folder):
    with Result(folder / "angle_colour.h5") as result:
        found, ways = analysis.groups(result), analysis.maps_of(result)
        assert [group.name for group in found] == ["network_0", "network_1", "network_2", "untrained", "attractor"]
        assert [way.label for way in ways] == ["same", "cells 16"]
        darks, error = analysis.by_dark(result, found[0])
        assert darks.tolist() == [0.05, 0.1] and np.all(error < 10)
        lines = analysis.map_lines(found[0], ways)
        assert list(lines) == ["same", "cells 16"] and lines["same"].startswith("0.00, ")
        assert list(analysis.erased(found[1])) == ["nothing", "v", "all but v"]
        figure = analysis.colour_figure(result)
        assert len(figure.axes) == 3 + 3 + 3
    said = analysis.describe(folder / "angle_colour.h5")
    assert "erased: nothing " in said and said.count("map: distortion") == 5
    assert (folder / "angle_colour.png").stat().st_size > 10_000


def test_the_number_of_answers_told_is_that_of_a_few_clusters():
    with h5py.File("told", "w", driver="core", backing_store=False) as file:
        file["answer_deg"] = np.array([[10.0, 10.0, 130.0, 250.0], [10.0, 130.0, 130.0, 10.0]])
        assert analysis.states_told(analysis.Group("told", "LIF", file), 2) == pytest.approx(2.0)


def test_every_map_of_the_experiment_has_its_meaning():
    ways = all_maps()
    assert ways[0] == Map("same") and {way.kind for way in ways} == set(maps.MEANING) == set(analysis.MAPS)
    assert sum(way.kind == "noise" for way in ways) == 8 and len(set(ways)) == len(ways)


def test_a_network_of_another_task_is_refused(tmp_path, capsys):
    code = experiment("angle-colour", PRETRAINED / "bandit.lsnn.h5", "--out", tmp_path / "out")
    assert_one_line(
        code, capsys, "bandit.lsnn.h5: must be a network for angle-recall, its encoder RingCells, got bandit"
    )
