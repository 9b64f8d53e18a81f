"""The pages say what the code does: parameters, presets, baselines, commands, links, and the example of the README."""

import importlib.util
import re
import shutil
from dataclasses import MISSING, fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import typer

from lsnn.equations import source_of
from lsnn.learning.config import LearningConfig
from lsnn.meta import MetaLearner, new_network
from lsnn.network import NetworkConfig
from lsnn.neuron_files import model_of
from lsnn.seeds import TEST_BRANCH, episode_keys
from lsnn.task import Encoder, Task
from runs.cli import main
from tasks import registry
from tasks.experiment import Experiment, preset
from tasks.registry import family
from tasks.water_maze import WaterMaze
from tasks.water_maze.baselines import BASELINES, best_circle, swim
from tasks.water_maze.trials import trials_table
from tests.analysis.make_result import make_result

CLONE = Path(__file__).parents[1]
DOCS = CLONE / "docs"
WRITTEN = sorted(path for path in DOCS.rglob("*.md") if "_build" not in path.parts)
PAGES = [CLONE / "README.md", CLONE / "CONTRIBUTING.md", *WRITTEN]
README, PARAMETERS, WATER_MAZE = CLONE / "README.md", DOCS / "reference/parameters.md", DOCS / "families/water_maze.md"
BRIAN2 = DOCS / "guide/brian2.md"
FIGURES, OWN_TASK, PYTHON = DOCS / "guide/figures.md", DOCS / "guide/own_task.md", DOCS / "guide/python.md"
ARRAYS, BRIDGES = DOCS / "guide/arrays.md", DOCS / "guide/bridges.md"
CIRCUITS, NIR = DOCS / "guide/circuits.md", DOCS / "guide/nir.md"
ENVIRONMENTS = DOCS / "reference/environments.md"
FAMILIES = registry.names()
CONFIGURATIONS = (
    NetworkConfig,
    LearningConfig,
    *(registry.family(name).task for name in FAMILIES),
    *registry.encoders().values(),
)
SOURCE = re.compile(r"(recalled|read|ours)(\b.*)?")
NO_ENTRY = "–"

every_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(CLONE).as_posix())


@pytest.fixture(scope="module")
def generated():
    """The directives of the documentation that make text from the code."""
    spec = importlib.util.spec_from_file_location("generated", DOCS / "generated.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def shown_text(page: Path) -> str:
    """A page without its comments."""
    return re.sub(r"<!--.*?-->", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)


def section(page: Path, heading: str) -> str:
    """What stands between a heading and the next one."""
    parts = re.split(r"^#+ (.*)$", shown_text(page), flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))[heading]


def rows(text: str) -> list[list[str]]:
    """The cells of every row of the table in a section, its head left out."""
    lines = [line for line in text.splitlines() if line.startswith("|")]
    return [[cell.strip().strip("`") for cell in line.strip("|").split("|")] for line in lines[2:]]


def value_of(text: str) -> Any:
    """What a cell of a table stands for."""
    words = {"true": True, "false": False, "none": None, NO_ENTRY: MISSING}
    if text in words:
        return words[text]
    return float(text) if re.fullmatch(r"-?[0-9.]+", text) else text


def printable(value: Any) -> Any:
    """A value of the code as `value_of` gives it: numbers as float, an encoder by its name."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return float(value)
    if isinstance(value, list | tuple) and all(isinstance(part, str) for part in value):
        return "; ".join(value) or None
    known = value is None or value is MISSING or isinstance(value, bool | str | list)
    return value if known else type(value).__name__


def differing(first: dict[str, Any], second: dict[str, Any]) -> dict[str, tuple[Any, Any]]:
    """The two values of each entry in which they differ; a missing entry is '?'."""
    pairs = {name: (first.get(name, "?"), second.get(name, "?")) for name in first | second}
    return {name: pair for name, pair in pairs.items() if type(pair[0]) is not type(pair[1]) or pair[0] != pair[1]}


def assert_same(printed: dict[str, Any], code: dict[str, Any]) -> None:
    drift = [f"{name}: printed {page}, in the code {own}" for name, (page, own) in differing(printed, code).items()]
    assert not drift, "the page does not say what the code does:\n" + "\n".join(drift)


def defaults(configuration: type) -> dict[str, Any]:
    return {
        item.name: printable(item.default if item.default_factory is MISSING else item.default_factory())
        for item in fields(configuration)
    }


@pytest.mark.parametrize("configuration", CONFIGURATIONS)
def test_fields_say_what_they_are_and_their_table_prints_every_default(configuration, generated):
    table = rows(generated.parameter_table(configuration))
    assert_same({row[0]: value_of(row[1]) for row in table}, defaults(configuration))
    assert all(len(row) == 6 and all(row) and SOURCE.fullmatch(row[5]) for row in table)
    assert all(len(row[2].split()) > 1 for row in table)


def test_the_page_of_parameters_has_every_configuration(generated):
    page = PARAMETERS.read_text() + generated.task_sections() + generated.encoder_sections()
    for configuration in CONFIGURATIONS:
        asked = re.findall(rf"^```{{parameters}} ([\w.]+\.{configuration.__name__})$", page, flags=re.MULTILINE)
        assert len(asked) == 1 and generated.named(asked[0]) is configuration
    assert "```{task-parameters}\n```" in page and "```{encoder-parameters}\n```" in page


def test_what_a_field_means_stands_in_the_docstring_of_its_configuration():
    assert "    tau_a_ms: time constant of the adaptation (ms)\n" in str(NetworkConfig.__doc__)
    assert "    clip: bound on the likelihood ratio of PPO\n" in str(LearningConfig.__doc__)


def test_every_command_has_a_section(generated):
    named = re.findall(r"^## `lsnn ([\w-]+)`$", generated.command_sections(), flags=re.MULTILINE)
    assert set(named) == set(typer.main.get_command(main).commands)


def test_every_environment_has_a_section_with_its_docstring(generated):
    sections = generated.environment_sections()
    assert re.findall(r"^## `(.*)`$", sections, flags=re.MULTILINE) == [each.id for each in registry.environments()]
    assert sections.count("\n### Action Space\n") == len(registry.names()) and "| 2   | on the platform " in sections
    assert "```{environments}\n```" in ENVIRONMENTS.read_text()


def leaves(experiment: Experiment) -> dict[str, Any]:
    """section.key to value, the encoder's keys included."""
    flat: dict[str, Any] = {}
    for name, values in experiment.as_mapping().items():
        encoder = values.pop("encoder", {})
        flat |= {f"{name}.{key}": printable(value) for key, value in values.items()}
        flat |= {f"{name}.encoder.{key}": printable(value) for key, value in encoder.items()}
    return flat


def departures(experiment: Experiment) -> set[str]:
    """Keys in which an experiment leaves the defaults; those of its encoder from the encoder's own."""
    task = experiment.task
    others = {item.name: getattr(task, item.name) for item in fields(task) if item.name != "encoder"}
    own = type(task)(**others).encoder  # the one that the task takes with its other settings
    kind = type(task.encoder)
    alike = replace(task, encoder=own if isinstance(own, kind) else kind())
    network = differing(leaves(experiment), leaves(Experiment(alike, NetworkConfig(), LearningConfig())))
    settings = {key for key in leaves(experiment) if key.count(".") == 1 and key.startswith("task.")}
    plain = leaves(Experiment(type(task)(), NetworkConfig(), LearningConfig()))
    changed = set(network) | {key for key in settings if leaves(experiment)[key] != plain[key]}
    return changed if isinstance(own, kind) else changed | {"task.encoder.kind"}


@pytest.mark.parametrize("name", FAMILIES)
def test_presets_table_prints_where_the_presets_leave_the_defaults(name, generated):
    presets = {chosen: preset(name, chosen) for chosen in family(name).presets}
    keys = set().union(*(departures(experiment) for experiment in presets.values()))
    text = generated.preset_table(name)
    assert text.splitlines()[0] == "| key | " + " | ".join(presets) + " |"
    for column, chosen in enumerate(presets, start=1):
        flat = leaves(presets[chosen])
        code = {key: flat.get(key, MISSING) for key in keys}
        assert_same({row[0]: value_of(row[column]) for row in rows(text)}, code)


def test_families_are_listed_with_their_pages_and_networks(generated):
    table = {row[0]: row for row in rows(generated.family_table())}
    assert [re.sub(r"\[(.*)\].*", r"\1", name) for name in table] == list(FAMILIES)
    networks = {name for row in table.values() for name in re.findall(r"[a-z0-9_]+", row[3])}
    assert networks == {path.name.removesuffix(".lsnn.h5") for path in (CLONE / "runs/pretrained").glob("*.lsnn.h5")}
    for row in table.values():
        assert all(row) and (link := re.search(r"\((.*)\)", row[0])) and (DOCS / "reference" / link[1]).exists()


def test_baselines_are_those_of_the_baselines():
    """On the first quarter of the page's episodes, within four standard errors of their mean."""
    task, keys = WaterMaze(), episode_keys(0, TEST_BRANCH, 0, 512)[:128]
    text = section(WATER_MAZE, "Baselines")
    radius = float(re.findall(r"at its best radius \(([0-9.]+)\)", text)[0])
    assert best_circle(keys, task, [radius - 0.04, radius, radius + 0.04]) == radius
    printed = {name: (visits, first) for name, _, visits, first in rows(text)}
    assert list(printed) == list(BASELINES)
    for name, (visits, first) in printed.items():
        record = swim(name, keys, task, radius)
        trials = trials_table(task, record.task_state)
        searches = np.where(trials["found"], trials["latency_ms"], task.duration_ms + 1)[trials["trial"] == 0]
        found = (record.reward > 0.5).sum(axis=1)
        assert found.mean() == pytest.approx(float(visits), abs=4 * found.std() / np.sqrt(len(keys)))
        if first == f"> {task.duration_ms}":
            assert np.median(searches) > task.duration_ms
        else:
            assert np.median(searches) == pytest.approx(float(first), rel=0.2)


def code_of(page: Path) -> list[str]:
    """Every inline or indented piece of code of a page, and every line of its shell blocks."""
    text = shown_text(page)
    fenced = [block for language, block in re.findall(r"```(\w*)\n(.*?)```", text, flags=re.DOTALL) if language == "sh"]
    rest = re.sub(r"```.*?```", "", text, flags=re.DOTALL)
    indented = re.findall(r"^    (\S.*)$", rest, flags=re.MULTILINE)
    return [*re.findall(r"`([^`\n]+)`", rest), *indented, *"".join(fenced).splitlines()]


def command_and_words(name: str, words: str) -> tuple[Any, str]:
    """The command of that name, or of the experiment that its words begin with, and what follows."""
    group = typer.main.get_command(main)
    assert name in group.commands, name
    if name != "experiment" or not (of := re.match(r" ([a-z][a-z-]*)(.*)", words)):
        return group.commands[name], words
    command = group.commands[name].get_command(typer.Context(group), of[1])
    assert command is not None, of[1]
    return command, of[2]


@every_page
def test_commands_and_their_options_exist(page):
    group = typer.main.get_command(main)
    of_all = {"--help"}.union(*(parameter.opts for parameter in group.params))
    for line in code_of(page):
        match = re.match(r"lsnn ([\w-]+)(.*)", line)
        if match and match[1].startswith("-"):
            assert match[1] in of_all, line
        elif match:
            command, words = command_and_words(match[1], match[2])
            options = {"--help"}.union(*(parameter.opts for parameter in command.params))
            assert set(re.findall(r"--[a-z][a-z-]*", words)) <= options, line


def test_readme_names_every_command():
    named = {match[1] for line in code_of(README) if (match := re.match(r"lsnn (\w[\w-]*)", line))}
    assert named == set(typer.main.get_command(main).commands)


@every_page
def test_modules_and_make_targets_exist(page):
    targets = set(re.findall(r"^([a-z-]+):", (CLONE / "Makefile").read_text(), flags=re.MULTILINE))
    for line in code_of(page):
        if match := re.match(r"make ([a-z-]+)", line):
            assert match[1] in targets, line
        if match := re.match(r"python -m ([\w.]+)", line):
            assert importlib.util.find_spec(match[1]) is not None, line


@every_page
def test_links_and_named_files_exist(page):
    for link in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", shown_text(page)):
        assert (page.parent / link).exists(), link
    for line in code_of(page):
        if re.fullmatch(r"(lsnn|tasks|runs|analysis|tests|docs)/[\w/.]*", line):
            assert (CLONE / line).exists(), line


def python_blocks(page: Path = README) -> list[str]:
    return re.findall(r"```python\n(.*?)```", page.read_text(encoding="utf-8"), flags=re.DOTALL)


def test_new_family_of_the_readme_is_the_one_that_is_tested():
    """At most 40 lines of code; tests/runs/test_own_task.py meta-trains and tests it."""
    (source,) = [block for block in python_blocks() if block.startswith("# delayed_match.py\n")]
    assert sum(bool(line.strip()) for line in source.splitlines()[1:]) <= 40
    assert source == (CLONE / "tests/tasks/delayed_match.py").read_text()


def test_the_readme_is_short():
    lines = README.read_text(encoding="utf-8").splitlines()
    assert len(lines) <= 150 and max(map(len, lines)) <= 120


def test_the_python_of_the_readme_runs(tmp_path, monkeypatch, capsys):
    make_result(tmp_path / "result.h5", schema=3)
    shutil.copy(CLONE / "runs/pretrained/water_maze.lsnn.h5", tmp_path / "network.lsnn.h5")
    monkeypatch.chdir(tmp_path)
    (block,) = [block for block in python_blocks() if not block.startswith("# delayed_match.py")]
    exec(compile(block, str(README), "exec"), {})
    assert re.match(r"trial\n0 +\d+\.\d\n1 +\d+\.\d\n", capsys.readouterr().out)


def test_the_neuron_of_the_readme_is_one():
    (text,) = re.findall(r"```toml\n(.*?)```", README.read_text(encoding="utf-8"), flags=re.DOTALL)
    assert source_of(model_of(text)).startswith('"""Neuron model \'leaky\'')


def test_a_network_is_run_from_python(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {}
    for block in python_blocks(PYTHON):
        exec(compile(block, str(PYTHON), "exec"), names)
    record, n_adaptive = names["record"], names["network"].network.config.n_adaptive
    assert len(names["spikes"]) == len(record.spikes) > 0
    assert names["voltage"].shape == (101, 250) and names["adaptive"].shape == (101, n_adaptive)
    assert names["highest"] > names["network"].network.config.b0
    assert names["further"].history.iteration.tolist() == [0, 1, 2] and names["place"].sizes["number"] == 2
    assert names["window"].shape == (101, 250) and names["few"].n_episodes == 2 < names["long"].n_episodes
    assert names["simulation"].t == 2000 == names["simulation"].record.duration_ms
    assert names["truncated"] is False and "Hz" in capsys.readouterr().out


def test_arrays_of_the_guide_are_learnt(capsys):
    names: dict[str, Any] = {}
    for block in python_blocks(ARRAYS):
        exec(compile(block, str(ARRAYS), "exec"), names)
        if "accuracy" in names:
            assert names.pop("accuracy") > 0.8
    assert np.abs(names["found"].parameters["tau_m"]).min() > 0 and "gradient" in capsys.readouterr().out


@pytest.mark.long
def test_brian2_networks_of_the_guide_run(capsys):
    names: dict[str, Any] = {}
    blocks = python_blocks(BRIAN2)
    exec(compile(blocks[0], str(BRIAN2), "exec"), names)
    run, spikes = names["run"], names["spikes"]
    again = names["circuit"].run(inputs={"drive": run.spikes("drive")[0]})  # with the weights after the step
    assert len(spikes.t) == again.spikes("cells").sum() > 100
    assert np.abs(names["gradient"].parameters["cells"]["tau"]).max() > 0
    exec(compile(blocks[1], str(BRIAN2), "exec"), names)
    assert names["run"].spikes("E").any() and "Hz" in capsys.readouterr().out


def test_a_circuit_of_the_guide_is_taught(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {}
    for block in python_blocks(CIRCUITS):
        exec(compile(block, str(CIRCUITS), "exec"), names)
    told = capsys.readouterr().out
    assert names["accuracy"] > 0.8 and "(360,) (30,) (60, 20, 12)" in told and "(101, 30) (100, 30)" in told
    np.testing.assert_array_equal(names["part"], names["window"][:100])
    assert "spikes of 30 neurons in 8 episodes" in told and "'action_1' 'value'" in told
    assert "(30, 1) (40, 20) (40, 20, 2)" in told and names["both"].history["accuracy"].iloc[-1] > 0.8


def test_a_graph_of_the_guide_goes_to_nir_and_back(tmp_path, monkeypatch, capsys):
    pytest.importorskip("nir")
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {}
    for block in python_blocks(NIR):
        exec(compile(block, str(NIR), "exec"), names)
    assert (tmp_path / "again.nir").exists() and names["run"].spikes("lif").sum() > 100
    assert "8 nir_lif" in capsys.readouterr().out


@pytest.mark.parametrize("name", ["torch", "jax"])
def test_a_network_is_a_layer_in_others_programs(name, capsys):
    pytest.importorskip(name)
    ((_, block),) = [part for part in re.findall(r"<!-- (\w+) -->\n```python\n(.*?)```", BRIDGES.read_text(), re.DOTALL)
                     if part[0] == name]  # fmt: skip
    exec(compile(block, str(BRIDGES), "exec"), {})
    assert "1230" in capsys.readouterr().out  # synapses onto 30 neurons: 12 from inputs, 29 from others each


def test_figures_of_the_guide_are_drawn(tmp_path, monkeypatch, capsys):
    (tmp_path / "results/first").mkdir(parents=True)
    make_result(tmp_path / "results/first/result.h5", schema=3)
    monkeypatch.chdir(tmp_path)
    for block in python_blocks(FIGURES):
        exec(compile(block, str(FIGURES), "exec"), {})
    assert {path.name for path in tmp_path.glob("*.png")} == {"latency.png", "animal.png"}
    assert re.fullmatch(r"\d+\.\d platform visits per episode, \d+ neurons\n", capsys.readouterr().out)


def test_examples_of_environments_run(tmp_path, monkeypatch):
    (tmp_path / "my_task.py").write_text((CLONE / "tests/tasks/delayed_match.py").read_text())
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {}
    first, second = python_blocks(ENVIRONMENTS)
    exec(compile(first, str(ENVIRONMENTS), "exec"), names)
    assert names["observation"].shape == (4,) and names["observations"].shape == (64, 4)
    exec(compile(second, str(ENVIRONMENTS), "exec"), names)
    assert names["many"].single_observation_space.shape == (2,) and names["env"].task.platform_radius == 0.2


def test_the_task_of_the_guide_is_learnt(tmp_path):
    """Its pieces, put together as one file, make a family that is trained, tested beside its baseline and reported."""
    (tmp_path / "same.py").write_text("\n\n".join(python_blocks(OWN_TASK)))
    found = registry.family(tmp_path / "same.py")
    task = found.task(delay_ms=100)
    assert isinstance(task, Task) and isinstance(task.encoder, Encoder) and task.duration_ms == 200
    assert "delay_ms: time between them (ms)" in str(found.task.__doc__)
    learning = replace(found.preset().learning, episodes=32)
    learner = MetaLearner(task, new_network(task, found.preset().network, learning, 0), learning, 0, threads=1)
    right = [learner.step()["right"] for _ in range(40)]
    assert np.mean(right[:3]) < 0.7 < 0.85 < np.mean(right[-5:])
    trials = found.baselines["guess"].play(task, np.arange(4096, dtype=np.uint64)).trials
    assert found.score.of(trials, 4096) == pytest.approx(found.score.chance, abs=0.05)
