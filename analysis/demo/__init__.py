"""The page of `lsnn demo`: a frozen maze network that runs in the reader's browser.

numerics.js   single-precision arithmetic as the kernels do it     draws.js         counter-based draws
network.js    one step of the network                              maze.js          the water maze and its input cells
animal.js     both together, from a page's data                    trials.js        trials, and what a button does
views.js      what is drawn                                        page.js          the page's buttons, keys and clock
page.html.jinja, page.css                                          the page itself
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from lsnn.files.whole import write_whole

HERE = Path(__file__).parent
SIMULATION = ("numerics.js", "draws.js", "network.js", "maze.js", "animal.js")
SHOWN = ("trials.js", "views.js", "page.js")


def simulation_script(models: str, names: Sequence[str]) -> str:
    """The simulation as one script; models: the functions of the neuron models, which are called `names`."""
    table = ", ".join(f"{name}: update_{name}" for name in dict.fromkeys(names))
    return "\n".join([*map(_text, SIMULATION), models, f"const MODELS = {{ {table} }};", ""])


def _text(name: str) -> str:
    return (HERE / name).read_text()


def as_json(data: Any) -> str:
    """JSON that may stand in a script element, whatever its texts are."""
    text = json.dumps(data, separators=(",", ":"), allow_nan=False)
    return text.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e")


def demo_page(data: Mapping[str, Any], models: str, names: Sequence[str], told: Mapping[str, Any]) -> str:
    """The page as HTML.

    Args:
        data: what it computes with (`runs/demo/page.py`).
        models, names: see `simulation_script`.
        told: name of the network file, the command that wrote the page, that of meta-training, seed of the mazes.
    """
    environment = Environment(
        loader=FileSystemLoader(HERE), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    script = simulation_script(models, names) + "\n".join(map(_text, SHOWN))
    return environment.get_template("page.html.jinja").render(
        data=as_json(data), script=script, style=_text("page.css"), told=told,
        reading=data["reading"],
    )  # fmt: skip


def write_demo(
    path: Path, data: Mapping[str, Any], models: str, names: Sequence[str], told: Mapping[str, Any], overwrite: bool
) -> Path:
    """Write the page, which needs nothing else; returns its path. See `demo_page`."""
    return write_whole(path, demo_page(data, models, names, told).encode(), overwrite)
