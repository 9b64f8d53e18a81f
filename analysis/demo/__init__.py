"""The page of `lsnn demo`: a frozen network that runs in the reader's browser. All families share

numerics.js    single-precision arithmetic as the kernels do it     draws.js     counter-based draws
network.js     one step of the network                              encoders.js  its input cells
simulation.js  the closed loop, from a page's data                  animal.js    what an experiment does to a state
views.js       what is drawn of any network                         page.js      the page's buttons, keys and clock
page.html.jinja, page.css                                           the page itself

and each has in families/NAME/ what is its own:

task.js        the dynamics: TASK        page.js     its animal, its scene and its numbers: SCENE
page.html.jinja                          what the page says
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from lsnn.files.whole import write_whole

HERE = Path(__file__).parent
FAMILIES = HERE / "families"
SIMULATION = ("numerics.js", "draws.js", "network.js", "encoders.js", "families/{}/task.js", "simulation.js")
SHOWN = ("animal.js", "views.js", "families/{}/page.js", "page.js")


class Source(NamedTuple):
    """What a page is made of beside its data.

    Args:
        family: the name of a folder of `families/`.
        models: the functions of the neuron models as JavaScript; names: what they are called.
    """

    family: str
    models: str
    names: Sequence[str]


def families() -> list[str]:
    """The task families that have a page, by the names of their folders."""
    return sorted(folder.name for folder in FAMILIES.iterdir() if (folder / "page.html.jinja").exists())


def simulation_script(source: Source) -> str:
    """The simulation as one script."""
    table = ", ".join(f"{name}: update_{name}" for name in dict.fromkeys(source.names))
    return "\n".join([_joined(SIMULATION, source), source.models, f"const MODELS = {{ {table} }};", ""])


def _joined(names: Sequence[str], source: Source) -> str:
    return "\n".join((HERE / name.format(source.family)).read_text() for name in names)


def as_json(data: Any) -> str:
    """JSON that may stand in a script element, whatever its texts are."""
    text = json.dumps(data, separators=(",", ":"), allow_nan=False)
    return text.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e")


def demo_page(data: Mapping[str, Any], source: Source, told: Mapping[str, Any]) -> str:
    """The page as HTML.

    Args:
        data: what it computes with (`runs/demo/page.py`).
        told: name of the network file, the command that wrote the page, that of meta-training, seed of the episodes.
    """
    environment = Environment(
        loader=FileSystemLoader(HERE), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    script = simulation_script(source) + _joined(SHOWN, source)
    return environment.get_template(f"families/{source.family}/page.html.jinja").render(
        data=as_json(data), script=script, style=(HERE / "page.css").read_text(), told=told, reading=data["reading"]
    )


def write_demo(path: Path, data: Mapping[str, Any], source: Source, told: Mapping[str, Any], overwrite: bool) -> Path:
    """Write the page, which needs nothing else; returns its path. See `demo_page`."""
    return write_whole(path, demo_page(data, source, told).encode(), overwrite)
