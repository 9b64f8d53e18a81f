"""Node.js, which runs the scripts of demo pages in tests."""

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from analysis.demo import simulation_script
from lsnn.network import Network
from lsnn.task import Task
from runs.demo.network import source_of

NODE = shutil.which("node")
needs_node = pytest.mark.skipif(NODE is None, reason="there is no Node.js (Debian: apt-get install nodejs)")


def script_of(network: Network, task: Task) -> str:
    """The simulation of a network in a task."""
    return simulation_script(source_of(network, task))


def run(script: str, given: Any, folder: Path) -> Any:
    """What a script prints, read as JSON; `given` is its standard input."""
    assert NODE is not None
    path = folder / "script.js"
    path.write_text(script)
    ended = subprocess.run([NODE, str(path)], input=json.dumps(given), capture_output=True, text=True, timeout=120)
    assert ended.returncode == 0, ended.stderr
    return json.loads(ended.stdout)
