"""The benchmarks at a tiny size: the same problem for all, agreement that can fail, ratios from medians."""

import json
import sys
from dataclasses import replace

import numpy as np
import pytest

from benchmarks import agreement, scale_on_paper
from benchmarks.growth import roofline_ns, stream_back, stream_forward
from benchmarks.meta_training import summary
from benchmarks.pairing import FailedError, in_turn, kept
from benchmarks.peers import harness
from benchmarks.peers.brian_closed_loop import OneAnimal
from benchmarks.peers.engine import network_of, same_bits_whatever_the_split
from benchmarks.peers.engine_closed_loop import ClosedLoop
from benchmarks.peers.problem import dense, episodes_apart, episodes_together, load, of_synapses
from benchmarks.report import figure, missed, table, unmeasured
from benchmarks.run import Options, begun, main
from benchmarks.workload import Size, bellec2018, growing, visits
from benchmarks.workloads import SECTIONS, growth_with_length

SIZE = Size(16, 40)


@pytest.fixture(scope="module")
def problem_file(tmp_path_factory):
    path = tmp_path_factory.mktemp("bench") / "W1.npz"
    bellec2018(SIZE, 0).save(path)
    return path


def run(module, variant, problem_file, out, capsys):
    arguments = [module, variant, "--problem", str(problem_file), "--out", str(out), "--blocks", "1"]
    assert harness.main(arguments) == 0
    return json.loads(capsys.readouterr().out.splitlines()[-1])


def test_the_engine_agrees_with_autodiff_on_the_same_problem_and_a_wrong_answer_is_found_out(
    problem_file, tmp_path, capsys
):
    ours, theirs, wrong = tmp_path / "ours.npz", tmp_path / "theirs.npz", tmp_path / "wrong.npz"
    assert run("engine", "threads_1", problem_file, ours, capsys)["rate_hz"] > 5
    run("jax_scan", "delay_gather", problem_file, theirs, capsys)
    assert agreement.compared(ours, theirs)["agrees"]
    with np.load(theirs) as file:
        found = dict(file)
    np.savez(wrong, **found | {"recurrent": found["recurrent"] * (1 + 1e-4)})
    assert not agreement.compared(ours, wrong)["agrees"]
    hole = np.where(np.arange(found["inputs"].size).reshape(found["inputs"].shape) == 3, np.nan, found["inputs"])
    np.savez(wrong, **found | {"inputs": hole})
    assert not agreement.compared(ours, wrong)["agrees"] and not agreement.compared(wrong, ours)["agrees"]
    np.savez(wrong, **{name: array for name, array in found.items() if name != "bias"})
    assert not agreement.compared(ours, wrong)["agrees"] and agreement.compared(ours, wrong, learns=False)["agrees"]
    found["spikes"][0, 20, 7] ^= 1
    np.savez(wrong, **found)
    result = agreement.compared(ours, wrong)
    assert result["differing_spikes"] == 1 and not result["agrees"]
    assert agreement.drifted(ours, wrong)["first_difference_ms"] == 20


def test_in_two_processes_the_episodes_are_dealt_out_and_the_gradient_is_added_up(problem_file, tmp_path, capsys):
    whole, halves = tmp_path / "whole.npz", tmp_path / "halves.npz"
    arguments = ["engine", "threads_1", "--problem", str(problem_file), "--steps", "20"]
    assert harness.main([*arguments, "--out", str(whole)]) == 0
    assert harness.main([*arguments, "--out", str(halves), "--processes", "2", "--repeats", "1"]) == 0
    result = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert len(result["gradient_s"]) == 1 and not any(key.endswith("_mb") for key in result if key != "kept_mb")
    with np.load(whole) as a, np.load(halves) as b:
        assert a["spikes"].any()
        np.testing.assert_array_equal(a["spikes"], b["spikes"])
        np.testing.assert_allclose(a["recurrent"], b["recurrent"], rtol=1e-3, atol=1e-4 * np.abs(a["recurrent"]).max())


def test_a_pair_is_timed_in_turn_and_a_process_that_fails_says_why(problem_file):
    class Clock:
        def __init__(self, seconds):
            self.left = list(seconds)

        def seconds(self, what):
            return self.left.pop(0)

    found = in_turn(Clock([1.0, 2.0, 1.0]), Clock([4.0, 10.0, 6.0]), "gradient", 3)
    assert found["ours_s"] == [1.0, 2.0, 1.0] and found["quartiles"] == [4.5, 5.0, 5.5]
    harness_of = [sys.executable, "-m", "benchmarks.peers.harness"]
    given = ["--problem", str(problem_file), "--steps", "10", "--blocks", "1", "--serve"]
    with kept([*harness_of, "engine", "threads_1", *given], {}) as engine:
        assert 0 < engine.seconds("forward") < 60 and 0 < engine.seconds("gradient") < 60
    with (
        pytest.raises(FailedError, match="KeyError: 'threads_0'"),
        kept([*harness_of, "engine", "threads_0", *given], {}),
    ):
        raise AssertionError("it is not ready")


def test_the_engine_runs_the_problem_without_delays(problem_file):
    problem = load(problem_file).head(1, 20).without_delays()
    for before, after in (
        (load(problem_file).recurrent, problem.recurrent),
        (load(problem_file).inputs, problem.inputs),
    ):
        assert set(after.delay) == {1} and sorted(after.weight) == sorted(before.weight)
        assert (np.diff(after.pre * 400 + after.post) > 0).all()
    assert network_of(problem).synapses.delay.max() == 1


def test_one_animal_swims_alike_in_brian_and_in_the_engine(problem_file):
    problem = load(problem_file)
    ours, theirs = ClosedLoop(problem, np.float64, 1, 1).spikes()[:, 0], OneAnimal(problem, "numpy").spikes()[:, 0]
    assert np.count_nonzero(ours) > 20
    np.testing.assert_array_equal(theirs, ours)


def test_a_problem_survives_its_file(problem_file):
    problem = load(problem_file)
    assert (problem.episodes, problem.steps, problem.n_neurons, problem.n_in) == (16, 40, 400, 160)
    again = problem_file.with_name("again.npz")
    problem.save(again)
    for one, other in zip(problem, load(again), strict=True):
        np.testing.assert_equal(one, other)
    spikes = problem.input_spikes(np.uint8)
    np.testing.assert_array_equal(episodes_together(spikes), problem.input_bits)
    np.testing.assert_array_equal(episodes_apart(problem.input_bits)[:, 9], spikes[:, 9])
    slices = dense(problem.recurrent, 400, 400, problem.d_max, float)
    np.testing.assert_array_equal(of_synapses(slices, problem.recurrent), problem.recurrent.weight)
    assert np.count_nonzero(slices) == np.count_nonzero(problem.recurrent.weight)
    assert not problem.without_delays().recurrent.delay.max() > 1


def test_the_growing_network_has_its_synapses_and_visits_are_counted():
    from benchmarks.peers.engine import Engine

    problem = growing(500, Size(8, 30), 0)
    assert len(problem.recurrent.pre) / 500 == pytest.approx(100, rel=0.02)
    engine = Engine(problem, np.float32, 1)
    engine.forward()
    fan_out = np.bincount(problem.recurrent.pre, minlength=500)
    fan_in = np.bincount(problem.inputs.pre, minlength=200)
    bits = engine.blocks[0].record.spikes
    expected = sum(int(fan_out[row != 0].sum()) for row in bits)
    expected += sum(int(fan_in[row != 0].sum()) for row in problem.input_bits[0])
    counted = visits(engine)
    assert counted["forward"] == expected
    assert counted["gathered"] >= sum(int(fan_out[row != 0].sum()) for row in bits) // 8
    assert roofline_ns(stream_forward, 1000, 100, 1) > 0 and roofline_ns(stream_back, 1000, 100, 1) > 0


def test_every_split_into_blocks_and_threads_gives_the_same_bits(problem_file):
    assert same_bits_whatever_the_split(load(problem_file).head(2, 20))


def test_phases_are_medians_and_what_is_left_is_overhead():
    row = {"roll_out": 2.0, "adjoint": 6.0, "optimiser_and_rewiring": 0.5, "everything_else": 1.5, "total": 10.0}
    slow = {name: 100 * value for name, value in row.items()}
    found = summary([row, slow, row], 128_000.0, 20.0)
    assert found["network_ms_per_s"] == 12_800 and found["overhead"] == pytest.approx(0.2)


def test_growth_with_length_is_an_exponent():
    def length(seconds, memory, same):
        plain, saved = {"gradient_median_s": 1.0}, {"gradient_median_s": seconds, "beyond_records_mb": memory}
        return {"plain": plain, "checkpointed": saved, "same_bits": same}

    found = growth_with_length({"20000": length(1.5, 30.0, True), "200": length(1.2, 3.0, False)})
    assert found["W4.memory_exponent"] == pytest.approx(0.5)
    assert found["W4.checkpoint_slowdown"] == 1.5 and not found["W4.same_bits"]


def test_the_table_marks_what_is_missed_and_the_figure_is_drawn(tmp_path):
    peer = {"label": "JAX", "gradient_median_s": 9.0, "forward_median_s": 3.0, "cannot": "delays (1 ms instead)"}
    content = {"engine": {"threads_2": {"gradient_median_s": 0.5, "forward_median_s": 0.1}}, "peers": {"jax": peer}}
    pair = {"quartiles": [17.0, 18.0, 19.0], "ours_s": [1.0, 1.0], "theirs_s": [17.0, 19.0], "peer": "JAX"}
    results = {"W1": content, "W1.ratio_delays": 18.0, "W1.ratio_any": 18.0, "pairs": {"W1.ratio_any": pair}}
    text = table(results)
    assert unmeasured(results) == ["W1.peak_mb", "W1.peak_mb_checkpointed"]
    assert text.count("**not measured**") == 2 and "W2" not in text
    assert "| 18 |  | >= 30 | **missed** |" in text and "| 18 | 17 to 19, 2 turns with JAX | >= 6 | kept |" in text
    assert "delays (1 ms instead)" in text and "Left out: eventax 0.1.0" in text
    assert missed(results) == ["W1.ratio_delays is 18, asked >= 30 (W1, fastest peer that honours the delays / engine)"]
    figure(results, tmp_path / "figure.png")
    assert (tmp_path / "figure.png").stat().st_size > 5000


def test_on_paper_cores_help_until_each_has_a_block_and_a_gpu_waits_for_its_steps():
    results = {"threads": {"one": {"gradient_median_s": 0.8}, "two": {"gradient_median_s": 0.4}}}
    speed = scale_on_paper.cores(results, np.array([1, 2, 64, 128]))
    np.testing.assert_allclose(speed / speed[0], [1, 2, 64, 64])
    assert scale_on_paper.measured(results) == pytest.approx(speed[1]) == pytest.approx(64 * 2000 / 0.4)
    np.testing.assert_allclose(scale_on_paper.gpu(np.array([1.0, 64.0])), [1e5, 64e5])
    assert np.isnan(scale_on_paper.gpu(np.array([1e6]))).all()


def test_an_unknown_section_ends_with_code_2(capsys):
    with pytest.raises(SystemExit) as caught:
        main(["--only", "W9"])
    assert caught.value.code == 2 and "W9" in capsys.readouterr().err


def test_a_part_joins_what_the_same_machine_has_measured(tmp_path, capsys):
    options = Options(False, ("W1", "W2"), tmp_path, 5, 2, 60.0)
    assert begun(options).keys() == {"machine", "quick", "repeats", "versions"}
    pairs = {"W1.ratio_any": {"section": "W1"}, "frozen.ratio_nest": {"section": "frozen"}}
    old = {"W1": 1, "W1.ratio_any": 2, "W3": 3, "W3.growth": 4, "pairs": pairs, "versions": {"jax": "1"}}
    old = begun(options) | old
    (tmp_path / "results.json").write_text(json.dumps(old))
    found = begun(options)
    assert {key for key in found if key.startswith("W")} == {"W3", "W3.growth"}
    assert found["pairs"].keys() == {"frozen.ratio_nest"} and found["versions"] == {"jax": "1"}
    assert "W3" not in begun(replace(options, only=SECTIONS))
    with pytest.raises(SystemExit) as caught:
        begun(replace(options, repeats=3))
    assert caught.value.code == 2 and "another machine, size or number of repeats" in capsys.readouterr().err


def test_every_layout_of_the_backward_sum_runs_and_gives_the_same(monkeypatch, capsys):
    from benchmarks import choices

    for name, value in (("STEPS", 2), ("REPEATS", 1), ("NEURONS", 40), ("SYNAPSES", 8)):
        monkeypatch.setattr(choices, name, value)
    assert choices.main() == 0
    assert len(json.loads(capsys.readouterr().out)) == 6
