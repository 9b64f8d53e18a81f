"""The page of `lsnn demo`: a frozen maze network that runs in the reader's browser.

numerics.js   single-precision arithmetic as the kernels do it     draws.js    counter-based draws
network.js    one step of the network                              maze.js     the water maze and its input cells
animal.js     both together, from a page's data
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
SIMULATION = ("numerics.js", "draws.js", "network.js", "maze.js", "animal.js")


def simulation_script(models: str, names: Mapping[str, Any] | list[str]) -> str:
    """The simulation as one script; models: the functions of the neuron models, which are called `names`."""
    table = ", ".join(f"{name}: update_{name}" for name in dict.fromkeys(names))
    return "\n".join(
        [*((HERE / name).read_text() for name in SIMULATION), models, f"const MODELS = {{ {table} }};", ""]
    )
