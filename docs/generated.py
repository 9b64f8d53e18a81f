"""Sphinx directives whose text is made from the code: parameters, presets, families, commands.

{parameters} lsnn.network.NetworkConfig     a table with a row for every field of a configuration
{task-parameters}, {encoder-parameters}     a section for every family: its task, its presets; for every encoder
{families}                                  a table of the task families
{environments}                              a section for every Gymnasium environment: its docstring
{commands}                                  a section for every command, with its arguments and options
"""

import importlib
import re
from collections.abc import Callable, Sequence
from dataclasses import MISSING, Field, fields
from pathlib import Path
from typing import Any

import typer
from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective
from typer.cli import get_docs_for_click

from lsnn.configuration import NOTHING, to_mapping
from lsnn.learning.config import LearningConfig
from lsnn.network import NetworkConfig
from runs.demo.page import write_page
from tasks import registry
from tasks.environment import env_class
from tasks.experiment import Experiment, preset

HEAD = ("name", "default", "meaning", "unit", "symbol", "source")
NETWORK = "runs/pretrained/water_maze.lsnn.h5"
LIVE = {
    NETWORK: "demo.html",
    "runs/pretrained/bandit.lsnn.h5": "demo_bandit.html",
    "runs/pretrained/angle_recall.lsnn.h5": "demo_angle_recall.html",
}
FAMILY_PAGES = Path(__file__).parent / "families"


def shown(value: Any) -> str:
    """A value as a cell of a table shows it; an encoder by its name."""
    if value is None or value is MISSING:
        return NOTHING if value is MISSING else "none"
    if isinstance(value, list | tuple) and all(isinstance(part, str) for part in value):
        return "; ".join(value) or "none"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | float):
        return f"{value:g}" if abs(value) < 1e6 else str(value)
    return str(value) if isinstance(value, str | list) else type(value).__name__


def default_of(item: "Field[Any]") -> Any:
    """The default of a field, MISSING where it has to be given."""
    return item.default if item.default_factory is MISSING else item.default_factory()


def table(head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    """A Markdown table."""
    lines = [head, tuple("---" for _ in head), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)


def parameter_table(configuration: Any) -> str:
    """Name, default, meaning, unit, symbol and source of every field of a configuration made by `parameter`."""
    rows = []
    for item in fields(configuration):
        known = item.metadata
        rows.append((f"`{item.name}`", shown(default_of(item)), *(known[name] for name in HEAD[2:])))
    return table(HEAD, rows)


def _directive(configuration: type) -> str:
    return f"```{{parameters}} {configuration.__module__}.{configuration.__qualname__}\n```"


def own_words(configuration: type) -> str:
    """The first paragraph of a configuration's docstring."""
    return (configuration.__doc__ or "").partition("\n\n")[0].replace("\n", " ")


def task_sections() -> str:
    """For every family the table of its task, and how its presets differ."""
    return "\n\n".join(
        f"## `{family.task.__name__}`\n{own_words(family.task)} Section `task` of the family "
        f"{linked(name)}.\n\n{_directive(family.task)}\n\n"
        f"### Presets of {name}\nEvery key in which one of them leaves the defaults:\n\n{preset_table(name)}"
        for name, family in ((name, registry.family(name)) for name in registry.names())
    )


def encoder_sections() -> str:
    """For every encoder its table."""
    return "\n\n".join(
        f"## `{name}`\n{own_words(kind)} Section `task.encoder`, kind `{name}`.\n\n{_directive(kind)}"
        for name, kind in registry.encoders().items()
    )


def preset_table(name: str) -> str:
    """The keys in which the presets of a family leave the defaults, and the values that they have there."""
    experiments = {chosen: preset(name, chosen) for chosen in registry.family(name).presets}
    flat = {chosen: leaves(experiment) for chosen, experiment in experiments.items()}
    plain = {chosen: defaults_of(experiment) for chosen, experiment in experiments.items()}
    keys = dict.fromkeys(
        key for chosen in flat for key, value in flat[chosen].items() if plain[chosen].get(key, MISSING) != value
    )
    rows = [(f"`{key}`", *(shown(of.get(key, MISSING)) for of in flat.values())) for key in sorted(keys, key=_place)]
    return table(("key", *flat), rows)


def _place(key: str) -> tuple[int, bool, bool]:
    """Sections in their order, an encoder's kind before its keys."""
    section = ("network", "learning", "task").index(key.split(".")[0])
    return section, key.startswith("task.encoder."), key != "task.encoder.kind"


def leaves(experiment: Experiment) -> dict[str, Any]:
    """section.key to value, the encoder's keys included."""
    flat: dict[str, Any] = {}
    for name, values in experiment.as_mapping().items():
        encoder = values.pop("encoder", {})
        flat |= {f"{name}.{key}": value for key, value in values.items()}
        flat |= {f"{name}.encoder.{key}": value for key, value in encoder.items()}
    return flat


def defaults_of(experiment: Experiment) -> dict[str, Any]:
    """The same without settings; of the encoder what the task takes by itself, else what that kind has by default."""
    task = experiment.task
    others = {item.name: getattr(task, item.name) for item in fields(task) if item.name != "encoder"}  # type: ignore[arg-type]
    taken = type(task)(**others).encoder
    encoder = taken if type(taken) is type(task.encoder) else type(task.encoder)()
    plain = leaves(Experiment(type(task)(), NetworkConfig(), LearningConfig()))
    of_encoder = {f"task.encoder.{key}": value for key, value in to_mapping(encoder).items()}
    return {key: value for key, value in plain.items() if key not in of_encoder} | of_encoder


def linked(name: str) -> str:
    """A family's name, with a link where it has a page."""
    page = f"{name.replace('-', '_')}.md"
    return f"[{name}](../families/{page})" if (FAMILY_PAGES / page).exists() else f"`{name}`"


def family_table() -> str:
    """What every family asks, its baselines and its shipped networks."""
    rows = []
    for name in registry.names():
        family, prefix = registry.family(name), name.replace("-", "_")
        baselines = ", ".join(f"`{baseline}`" for baseline in family.baselines) or NOTHING
        rows.append((linked(name), family.question, baselines, ", ".join(shipped(prefix)) or NOTHING))
    return table(("family", "what is asked", "baselines", "shipped networks"), rows)


def shipped(prefix: str) -> list[str]:
    """Names of the shipped networks of a family."""
    folder = Path(importlib.import_module("runs").__file__ or "").parent / "pretrained"
    return [f"`{path.name.removesuffix('.lsnn.h5')}`" for path in sorted(folder.glob(f"{prefix}*.lsnn.h5"))]


def environment_sections() -> str:
    """For every Gymnasium environment its docstring, whose headings move one down."""
    made = zip(registry.environments(), registry.names(), strict=True)
    return "\n\n".join(
        f"## `{environment.id}`\nThe family {linked(name)}, as `{environment.single.partition(':')[2]}`.\n\n"
        + re.sub(r"^## ", "### ", env_class(registry.family(name)).__doc__ or "", flags=re.MULTILINE)
        for environment, name in made
    )


def command_sections() -> str:
    """Usage, arguments and options of every command, as Typer writes them."""
    from runs.cli import main

    group = typer.main.get_command(main)
    text = get_docs_for_click(obj=group, ctx=typer.Context(group), name="lsnn")
    sections = text[text.index("## `lsnn ") :]
    return re.sub(r"(?<![`\w-])(--[a-z][a-z-]*)(?!`)", r"`\1`", sections)


def named(path: str) -> Any:
    """The object of a dotted path."""
    module, _, name = path.rpartition(".")
    return getattr(importlib.import_module(module), name)


class Parameters(SphinxDirective):
    """The table of a configuration."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        found = self.parse_text_to_nodes(parameter_table(named(self.arguments[0])))
        for made in found:
            made["classes"].append("parameters")
        return found


def written(text: Callable[[], str]) -> type[SphinxDirective]:
    """A directive in whose place a text stands."""

    class Written(SphinxDirective):
        def run(self) -> list[nodes.Node]:
            return self.parse_text_to_nodes(text(), allow_section_headings=True)

    return Written


def live_page(app: Sphinx, error: Exception | None) -> None:
    """The pages of `lsnn demo` beside the others."""
    if error is None and app.builder.format == "html":
        for network, page in LIVE.items():
            command = f"lsnn demo {network} --out {page}"
            write_page(Path(__file__).parents[1] / network, Path(app.outdir) / page, 0, 256, command, True)


def setup(app: Sphinx) -> dict[str, bool]:
    app.add_directive("parameters", Parameters)
    app.add_directive("task-parameters", written(task_sections))
    app.add_directive("encoder-parameters", written(encoder_sections))
    app.add_directive("families", written(family_table))
    app.add_directive("environments", written(environment_sections))
    app.add_directive("commands", written(command_sections))
    app.connect("build-finished", live_page)
    return {"parallel_read_safe": True}
