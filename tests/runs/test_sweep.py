"""Sweeps: what a specification may hold, that cells are the runs they say, and that a broken sweep goes on."""

import datetime
import json
import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import h5py
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

import runs
from analysis.sweep import FAILED, FINISHED, read_sweep, sweep_figure
from lsnn.errors import InputError
from lsnn.files.folders import alone_in
from lsnn.files.network_file import load_network
from lsnn.interruption import Interruption
from lsnn.neuron_files import model_of
from runs.cli import main
from runs.sweeps import sweep as sweeping
from runs.sweeps.spec import LAWS, cells_of, finished, read_spec, spec_of, words
from runs.sweeps.summary import _failures, curve_of, label_of
from runs.sweeps.sweep import sweep, train_command
from runs.training.train import NETWORK, Budget, check_stages
from tasks.experiment import overridden, preset
from tests.runs.tiny import FREE, assert_same_run, tiny, trained

SPECS = Path(runs.__file__).parent
PLAIN = {"task": "water-maze", "iterations": 3, "seeds": [0]}
SMALL = "\n".join(f"{key} = {value}" for key, value in (setting.split("=") for setting in FREE))
BROKEN = f"""
task = "water-maze"
iterations = 3
seeds = [0]
episodes = 8
[fixed]
{SMALL}
[grid]
network.tau_m_max_ms = [20.0, 10.0, 25.0]
"""


def test_a_grid_is_every_combination_with_every_seed():
    grid = {"network.beta": [0.0, 1.7], "learning.learning_rate": [1e-3, 3e-3, 1e-2]}
    cells = cells_of(spec_of(PLAIN | {"seeds": [4, 9], "grid": grid, "fixed": {"task.rest_ms": 5}}))
    assert [cell.seed for cell in cells] == [4, 9] * 6
    assert [cell.group for cell in cells] == [k for k in range(6) for _ in range(2)]
    expected = [(b, r) for b in grid["network.beta"] for r in grid["learning.learning_rate"]]
    assert [tuple(cell.settings[key] for key in grid) for cell in cells[::2]] == expected
    assert {cell.settings["task.rest_ms"] for cell in cells} == {5}
    assert cells[3].name == "001-seed9"


def test_random_values_follow_their_laws_and_the_draw_seed_alone():
    laws = {
        "network.beta": {"uniform": [1.0, 2.0]},
        "learning.learning_rate": {"log_uniform": [1e-4, 1e-2]},
        "network.n_adaptive": {"integers": [3, 5]},
        "network.dale": {"choice": [True, False]},
    }
    values = PLAIN | {"samples": 400, "random": laws}
    cells = cells_of(spec_of(values))
    assert cells == cells_of(spec_of(values)) != cells_of(spec_of(values | {"draw_seed": 1}))
    assert cells[:7] == cells_of(spec_of(values | {"samples": 7}))
    beta, rate, size, dale = (np.array([cell.settings[key] for cell in cells]) for key in laws)
    assert 1 <= beta.min() and beta.max() <= 2 and abs(beta.mean() - 1.5) < 5 * beta.std() / 20
    assert 1e-4 <= rate.min() and rate.max() <= 1e-2 and abs(np.log10(rate).mean() + 3) < 0.15
    assert set(size) == {3, 4, 5} and 0.4 < dale.mean() < 0.6


def test_variants_change_one_thing_at_a_time(tmp_path):
    """The reference comes first; a variant may change several keys, those of [fixed] too; labels are their names."""
    path = tmp_path / "s.toml"
    path.write_text(
        'task = "water-maze"\nseeds = [4, 9]\n[fixed]\nnetwork.beta = 3.4\ntask.rest_ms = 5\n[variants]\n'
        '"none" = {network.beta = 0.0}\n"slow, few" = {iterations = 7, network = {tau_out_ms = 20.0, n_adaptive = 9}}\n'
    )
    spec = read_spec(path)
    cells = cells_of(spec)
    changed = [{}, {"network.beta": 0.0}, {"network.tau_out_ms": 20.0, "network.n_adaptive": 9}]
    assert [cell.settings for cell in cells[::2]] == [{"network.beta": 3.4, "task.rest_ms": 5} | c for c in changed]
    assert [cell.budget for cell in cells[::2]] == [Budget(minutes=10), Budget(minutes=10), Budget(iterations=7)]
    command = train_command(spec, cells[4], tmp_path / "002-seed4", [])
    assert command[2:4] == ["--iterations", "7"] and "iterations=7" not in command
    assert [(cell.group, cell.seed) for cell in cells] == [(k, seed) for k in range(3) for seed in (4, 9)]
    assert [label_of(spec, cell) for cell in cells[::2]] == ["reference", "none", "slow, few"]


def test_the_ablations_change_what_they_name():
    """Every cell of the sweep that ships is a valid experiment, each with a configuration of its own, of one budget."""
    cells = cells_of(read_spec(Path(runs.__file__).with_name("ablations.toml")))
    experiments = [overridden(preset("water-maze"), words(cell.settings)) for cell in cells[::3]]
    iterations = [cell.budget.iterations for cell in cells[::3]]
    assert len({n * experiment.learning.episodes for n, experiment in zip(iterations, experiments, strict=True)}) == 1
    assert len(cells) == 3 * len(experiments) and experiments[0] == preset("water-maze")
    assert len({repr(experiment) for experiment in experiments}) == len(experiments)


@pytest.mark.parametrize("path", sorted(SPECS.glob("*.toml")), ids=lambda path: path.stem)
def test_every_specification_of_the_project_is_one(path):
    """Every cell is a valid experiment that can be begun; what has a model of neurons in place of a task is none."""
    if path.stem == "slow_synapses":
        return
    spec = read_spec(path)
    chosen = preset(spec.task, spec.preset)
    for cell in cells_of(spec):
        check_stages(overridden(chosen, words(cell.settings)))


def test_the_kinds_of_memory_differ_in_what_they_name_alone():
    """Every cell of the sweep on retention is a valid experiment; its reference is the preset."""
    spec = read_spec(Path(runs.__file__).with_name("retention.toml"))
    reference = preset("water-maze", spec.preset)
    experiments = [overridden(reference, words(cell.settings)) for cell in cells_of(spec)[::3]]
    assert experiments[0] == reference and len({repr(each) for each in experiments}) == len(experiments) == 5
    models = [each.network.models[1].name for each in experiments]
    assert sorted(models) == ["alif"] * 4 + ["slow_synapses"]
    own = Path(runs.__file__).with_name("slow_synapses.toml").read_text()
    assert experiments[models.index("slow_synapses")].network.models[1] == model_of(own)
    assert {each.network.tau_a_ms for each in experiments} == {4800.0, 1200.0, 300.0}
    assert {each.task for each in experiments} == {reference.task}


def test_tables_may_be_nested_or_dotted(tmp_path):
    path = tmp_path / "s.toml"
    path.write_text(
        'task = "water-maze"\nsamples = 2\n[grid.network]\nbeta = [1.0]\n[random.learning]\nclip = {uniform = [0, 1]}\n'
    )
    spec = read_spec(path)
    assert spec.grid == {"network.beta": [1.0]} and spec.random == {"learning.clip": {"uniform": [0, 1]}}
    assert spec.seeds == (0, 1, 2) and spec.budget.minutes == 10


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"task": "poker"}, "task must be one of .*, got 'poker'"),
        ({"preset": "huge"}, "--preset must be one of"),
        ({"iteration": 3}, "iteration is no key; known: task, preset, iterations"),
        ({"iterations": 0}, "--iterations must be >= 1, got 0"),
        ({"minutes": 1.0}, "exclude each other"),
        ({"seeds": []}, "seeds must not be empty"),
        ({"seeds": [1, 1]}, "seeds must differ"),
        ({"seeds": [-1]}, "seeds must lie in 0"),
        ({"seeds": 3}, "sweep.seeds must be"),
        ({"grid": 3}, "grid must be a table"),
        ({"grid": {"network.beta": 1.0}}, "grid.network.beta must be a list of values, got 1.0"),
        ({"grid": {"network.foo": [1]}}, "network.foo must be a key of the configuration"),
        ({"grid": {"network.beta": [1]}, "fixed": {"network.beta": 1}}, "must not share a key"),
        ({"random": {"network.beta": {"uniform": [0, 1]}}}, r"samples must be > 0 with \[random\]"),
        ({"samples": 3}, r"samples must be > 0 with \[random\] and only then, got 3"),
        ({"samples": 1, "random": {"network.beta": [1]}}, "random.network.beta must be one of uniform, log_uniform"),
        ({"samples": 1, "random": {"network.beta": {"normal": [0, 1]}}}, "must be one of uniform"),
        ({"samples": 1, "random": {"network.beta": {"uniform": [1, 1]}}}, "must have low < high"),
        ({"samples": 1, "random": {"network.beta": {"log_uniform": [0, 1]}}}, "must have low > 0"),
        ({"variants": {"x": 3}}, "variants.x must be a table of keys, got 3"),
        ({"variants": {"x": {}}}, "variants.x must be a table of keys"),
        ({"variants": {"x": {"network": {"foo": 1}}}}, "network.foo must be a key of the configuration"),
        ({"variants": {"x": {"iterations": 0}}}, "variants.x.iterations must be a whole number >= 1, got 0"),
        ({"variants": {"x": {"iterations": True}}}, "variants.x.iterations must be a whole number"),
        ({"variants": {"x": {"iterations": {"y": 3}}}}, "iterations.y must be a key of the configuration"),
        ({"variants": {"x": {"network.beta": 1}}, "grid": {"learning.clip": [1]}}, "variants must not stand beside"),
        ({"samples": 10**6, "random": {"network.beta": {"uniform": [0, 1]}}}, "must have at most 100000 cells"),
    ],
)
def test_bad_specification_is_named(changes, message):
    with pytest.raises(InputError, match=message):
        spec_of(PLAIN | changes)


SCALARS = st.integers() | st.floats() | st.booleans() | st.text(max_size=4)
INNER = st.recursive(SCALARS, lambda v: st.lists(v, max_size=3) | st.dictionaries(st.sampled_from([*LAWS, "x"]), v))
TABLE = SCALARS | st.dictionaries(st.sampled_from(["network.beta", "learning.clip", "network", "x"]), INNER, max_size=2)


@given(st.fixed_dictionaries({"task": st.just("water-maze")}, optional={
    "grid": TABLE, "random": TABLE, "fixed": TABLE, "variants": TABLE, "samples": st.integers(-1, 3), "seeds": INNER,
    "minutes": SCALARS,
}))  # fmt: skip
def test_any_specification_is_read_or_refused(values):
    try:
        cells = cells_of(spec_of(values))
    except InputError:
        return
    assert len({cell.name for cell in cells}) == len(cells) > 0


def test_a_sweep_goes_on_and_records_what_fails(tmp_path):
    """Cell 0 stands at its second iteration, cell 1 cannot be (tau_m from 20 to 10), cell 2 is new."""
    spec, out = tmp_path / "spec.toml", tmp_path / "out"
    spec.write_text(BROKEN)
    out.mkdir()
    trained(out / "000-seed0", 2)
    (out / "000-seed0" / NETWORK).unlink()
    assert not finished(out / "000-seed0", read_spec(spec).budget)
    done = CliRunner().invoke(main, ["sweep", str(spec), "--out", str(out), "--jobs", "2", "--threads", "1"])
    assert done.exit_code == 1, done.output
    assert "2 finished, 1 failed of 3 cells" in done.output and "tau_m_min_ms must be <= tau_m_max_ms" in done.output
    trained(tmp_path / "whole", 3)
    assert_same_run(tmp_path / "whole", out / "000-seed0")
    assert load_network(out / "002-seed0" / NETWORK).config["network"]["tau_m_max_ms"] == 25
    summary = read_sweep(out / "summary.h5")
    assert list(summary.cells["status"]) == [FINISHED, FAILED, FINISHED]
    assert summary.groups == ["tau_m_max_ms 20", "tau_m_max_ms 10", "tau_m_max_ms 25"]
    assert "tau_m_min_ms" in summary.failures["001-seed0"]
    assert np.isfinite(summary.cells["final_fraction"][[0, 2]]).all()
    assert (out / "summary.png").stat().st_size > 10_000
    reached = [label.get_text() for label in sweep_figure(summary).axes[2].get_yticklabels()]
    assert reached == ["0 of 1", "0 of 0", "0 of 1"]  # of those that were run to their end
    failure = json.loads((out / "001-seed0" / "failure.json").read_text())
    assert failure["exit_code"] == 2 and failure["command"].startswith("lsnn train water-maze")
    before = (out / "000-seed0" / NETWORK).stat().st_mtime_ns
    again = CliRunner().invoke(main, ["sweep", str(spec), "--out", str(out)])
    assert again.exit_code == 1 and "cell " not in again.output
    assert (out / "000-seed0" / NETWORK).stat().st_mtime_ns == before
    none = CliRunner().invoke(main, ["sweep", str(spec), "--out", str(out), "--jobs", "0"])
    assert none.exit_code == 2 and "--jobs must be >= 1, got 0" in none.stderr
    spec.write_text(BROKEN.replace("[0]", "[1]"))
    other = CliRunner().invoke(main, ["sweep", str(spec), "--out", str(out)])
    assert other.exit_code == 2 and "must be a new folder or hold a part of this sweep" in other.stderr


def test_a_failed_cell_is_run_again_where_that_is_asked_for(tmp_path):
    """It stands at its second iteration of three: it goes on from there, and its failure is forgotten."""
    spec, out = tmp_path / "spec.toml", tmp_path / "out"
    spec.write_text(BROKEN.replace("[20.0, 10.0, 25.0]", "[20.0]"))
    place = out / "000-seed0"
    out.mkdir()
    trained(place, 2)
    (place / NETWORK).unlink()
    (place / "failure.json").write_text('{"reason": "the machine was switched off", "exit_code": 3}')
    left = CliRunner().invoke(main, ["sweep", str(spec), "--out", str(out)])
    assert left.exit_code == 1 and "cell 1 of 1" not in left.output
    assert not (place / NETWORK).exists()
    again = CliRunner().invoke(main, ["sweep", str(spec), "--out", str(out), "--threads", "1", "--retry-failed"])
    assert again.exit_code == 0 and "1 finished of 1 cells" in again.output, again.output
    assert len(load_network(place / NETWORK).history) == 3 and not (place / "failure.json").exists()


def test_a_sweep_may_grow_but_not_change(tmp_path):
    """More seeds and variants and other words go on in the same folder; a cell that has become another does not."""
    spec, out = tmp_path / "spec.toml", tmp_path / "out"
    text = 'task = "water-maze"\niterations = 3\nseeds = [0]\n[variants]\n"a" = {network.beta = 0.0}\n'

    def claim(text):
        spec.write_text(text)
        out.mkdir(exist_ok=True)
        read = read_spec(spec)
        sweeping.claim(out, spec, read, cells_of(read), spec.read_bytes())

    claim(text)
    claim("# again\n" + text.replace("[0]", "[0, 1]") + '"b" = {network.beta = 1.0}\n')
    kept = (out / "sweep.toml").read_text()
    assert kept.startswith("# again")
    for old, new in (("iterations = 3", "iterations = 4"), ("beta = 0.0", "beta = 0.5"), ("[0, 1]", "[0]")):
        with pytest.raises(InputError, match=r"has a sweep.toml whose cell 00\d-seed\d is none of"):
            claim(kept.replace(old, new))
    assert (out / "sweep.toml").read_text() == kept


def test_a_cell_of_another_configuration_or_seed_is_refused(tmp_path):
    """As after the preset has changed, or without the copy of the specification."""
    spec, out = tmp_path / "spec.toml", tmp_path / "out"
    spec.write_text(BROKEN)
    read = read_spec(spec)
    out.mkdir()
    trained(out / "000-seed0", 1)
    sweeping.require_own_cells(out, read, cells_of(read))
    spec.write_text('task = "water-maze"\niterations = 3\nseeds = [0]\n')
    with pytest.raises(InputError, match="must be a run of cell 000-seed0, has another configuration or seed"):
        sweep(spec, out, (), 1, False, "lsnn sweep")
    assert not (out / "sweep.toml").exists()  # or the right specification would be refused next


def test_a_cell_that_is_still_at_work_is_left_alone(tmp_path, monkeypatch, capsys):
    """An earlier sweep was killed, its cell was not."""
    spec, out = tmp_path / "spec.toml", tmp_path / "out"
    spec.write_text(BROKEN.replace("[20.0, 10.0, 25.0]", "[20.0]"))
    (out / "000-seed0").mkdir(parents=True)
    monkeypatch.setattr(sweeping, "run_cell", lambda *_: pytest.fail("must not be begun again"))
    with alone_in(out / "000-seed0"):
        assert sweep(spec, out, (), 1, True, "lsnn sweep") == 0
    assert "is at work there; left to it" in capsys.readouterr().out
    trained(out / "000-seed0", 3)
    (out / "000-seed0" / "failure.json").write_text("{}")
    assert sweep(spec, out, (), 1, False, "lsnn sweep") == 0
    assert "1 finished of 1 cells" in capsys.readouterr().out and not (out / "000-seed0" / "failure.json").exists()
    with alone_in(out), pytest.raises(InputError, match="another run is at work there"):
        sweep(spec, out, (), 1, False, "lsnn sweep")


def test_a_failure_that_cannot_be_read_is_a_failure(tmp_path):
    """Half of it, as a full disk used to leave it."""
    cell = cells_of(spec_of(PLAIN))[0]
    (tmp_path / cell.name).mkdir()
    (tmp_path / cell.name / "failure.json").write_text('{"reason": ')
    assert "cannot be read" in _failures(tmp_path, [cell])[cell.name]


@pytest.mark.parametrize("value", [float("inf"), datetime.date(2020, 1, 1)])
def test_values_that_no_command_can_say_are_refused(value):
    with pytest.raises(InputError, match=r"grid.learning.exploded_norm must hold texts, finite numbers, true or false"):
        spec_of({"task": "water-maze", "grid": {"learning.exploded_norm": [1.0, value]}})


def test_a_specification_is_read_once(tmp_path):
    """It may be a pipe."""
    os.mkfifo(tmp_path / "pipe")
    with ThreadPoolExecutor(1) as pool:
        writing = pool.submit((tmp_path / "pipe").write_text, BROKEN)
        spec, text = sweeping.read_spec_and_text(tmp_path / "pipe")
        writing.result()
    assert spec.seeds == (0,) and text.decode() == BROKEN


def test_a_family_without_an_oracle_has_its_error_and_no_time_to_it(tmp_path):
    spec, out = tmp_path / "spec.toml", tmp_path / "out"
    small = "network.n_excitatory = 8\nnetwork.n_inhibitory = 4\nnetwork.n_adaptive = 4\nlearning.episodes = 16\n"
    spec.write_text(
        'task = "store-recall"\niterations = 60\nseeds = [0]\nepisodes = 8\n[fixed]\n' + small +
        "task.slot_ms = 20\ntask.answer_ms = 10\ntask.delay_max = 3\ntask.duration_ms = 200\n"
    )  # fmt: skip
    done = CliRunner().invoke(main, ["sweep", str(spec), "--out", str(out)])
    assert done.exit_code == 0, done.output
    assert "recall error, n = 1" in done.output and "of the oracle" not in done.output
    summary = read_sweep(out / "summary.h5")
    assert not summary.of_oracle and np.isnan(summary.cells["iterations_to_enough"]).all()
    assert len(summary.curves[0][0]) > 0 and len(sweep_figure(summary).axes) == 2


def test_jobs_run_at_once_and_an_error_ends_the_rest(tmp_path, monkeypatch):
    """Two cells wait for each other; then the third raises, and no later one begins."""
    spec, begun, together = tmp_path / "spec.toml", [], Barrier(2)
    spec.write_text('task = "water-maze"\niterations = 3\nseeds = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]\n')

    def run_cell(spec, cell, place, more, interrupted):
        begun.append((cell.seed, more))
        if cell.seed == 2:
            raise OSError("disk full")
        together.wait(timeout=20) if cell.seed < 2 else time.sleep(0.2)

    monkeypatch.setattr("runs.sweeps.sweep.run_cell", run_cell)
    with pytest.raises(OSError, match="disk full"):
        sweep(spec, tmp_path / "out", ["--threads", "3"], jobs=2, retry_failed=False, command="lsnn sweep")
    seeds = {seed for seed, _ in begun}
    assert {0, 1, 2} <= seeds and 9 not in seeds and all(more == ["--threads", "3"] for _, more in begun)


def test_a_second_ctrl_c_kills_a_cell():
    """One that is deaf to the first: it may be compiling."""
    deaf = "import signal, time; signal.signal(signal.SIGINT, signal.SIG_IGN); print(1, flush=True); time.sleep(60)"
    process = subprocess.Popen(
        [sys.executable, "-c", deaf], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    assert process.stdout.readline() == "1\n"
    interrupted = Interruption()
    with pytest.raises(KeyboardInterrupt):
        for _ in range(2):
            interrupted.receive(signal.SIGINT, None)
    sweeping.wait(process, interrupted)
    assert process.returncode == -signal.SIGKILL


def test_time_to_three_quarters_is_read_off_the_validations(monkeypatch):
    rows = [(k, k / 10, np.nan if k % 2 else float(k)) for k in range(1, 9)]
    history = np.array(rows, [(name, float) for name in ("iteration", "minutes", "whole_pool_visits")])
    monkeypatch.setattr("tasks.family.Family.best_score", lambda family, task, keys, practice: 8.0)
    curve = curve_of(history, tiny().task, 0)
    np.testing.assert_array_equal(curve.iteration, [3, 5, 7, 9])
    np.testing.assert_allclose(curve.fraction, [0.25, 0.5, 0.75, 1.0])


def test_the_summary_describes_itself(tmp_path):
    spec, out = tmp_path / "spec.toml", tmp_path / "out"
    spec.write_text('task = "water-maze"\nseeds = [0]\n[grid]\nnetwork.tau_m_max_ms = [5.0]\n')
    assert CliRunner().invoke(main, ["sweep", str(spec), "--out", str(out)]).exit_code == 1
    with h5py.File(out / "summary.h5") as file:
        for name in ("cells", "curves/iteration", "curves/fraction", "curves/cell_offsets"):
            assert {"units", "description"} <= set(file[name].attrs)
        assert json.loads(file.attrs["config"])["grid"] == {"network.tau_m_max_ms": [5.0]}
