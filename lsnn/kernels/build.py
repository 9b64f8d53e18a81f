"""Compiled modules written out for a task: a fused roll-out, cached under a hash of all that it is made of.

A function passed to numba as an argument misses its disk cache, and a cached caller silently keeps an old callee after
an edit in another file. So the roll-out of a task is a module of its own, in a cache folder whose name is a hash of the
sources of the kernels and the task, the numba version and the CPU.
"""

import hashlib
import importlib
import importlib.util
import os
import sys
from functools import cache
from pathlib import Path
from types import ModuleType

import llvmlite.binding
import numba

KERNELS = Path(__file__).parent
PLACEHOLDER = "from lsnn.kernels.null_task import begin, draw, encode, observe, target, transition\n"


def cache_folder() -> Path:
    """Where compiled modules are kept: $LSNN_CACHE, else the user's cache folder."""
    root = os.environ.get("LSNN_CACHE") or os.path.join(
        os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache"), "lsnn"
    )
    return Path(root)


def _sources(modules: tuple[str, ...]) -> str:
    """The text of every kernel and of the named modules."""
    files = sorted(KERNELS.glob("*.py"))
    for name in modules:
        spec = importlib.util.find_spec(name)
        if spec is None or spec.origin is None:
            raise ModuleNotFoundError(f"no module {name!r} to compile a roll-out from")
        files.append(Path(spec.origin))
    return "\n".join(file.read_text() for file in files)


def _fingerprint(text: str) -> str:
    cpu = f"{llvmlite.binding.get_host_cpu_name()} {llvmlite.binding.get_host_cpu_features().flatten()}"
    return hashlib.sha256(f"{numba.__version__} {cpu}\n{text}".encode()).hexdigest()[:16]


def _load(name: str, text: str, folder: Path) -> ModuleType:
    """Write a module once and import it."""
    path = folder / f"{name}.py"
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        partial = path.with_suffix(f".{os.getpid()}.tmp")
        partial.write_text(text)
        partial.replace(path)
    full_name = f"lsnn_compiled.{folder.name}.{name}"
    if full_name not in sys.modules:
        spec = importlib.util.spec_from_file_location(full_name, path)
        assert spec is not None and spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        sys.modules[full_name] = module
        spec.loader.exec_module(module)
    return sys.modules[full_name]


@cache
def roll_out_module(dynamics: str, encoder_module: str, encoder: str, action_kind: str) -> ModuleType:
    """The module with `start` and `roll_out` for a task.

    Args:
        dynamics: module with begin, observe, transition and target; encoder_module, encoder: where the encoder is.
        action_kind: "gaussian", "categorical" or "none".
    """
    policy = "draw_gaussian" if action_kind == "none" else f"draw_{action_kind}"
    template = (KERNELS / "roll_out.py").read_text()
    assert PLACEHOLDER in template
    imports = (
        f"from {dynamics} import begin, observe, target, transition\n"
        f"from {encoder_module} import {encoder} as encode\n"
        f"from lsnn.kernels.policy import {policy} as draw\n"
    )
    folder = cache_folder() / _fingerprint(_sources((dynamics, encoder_module)))
    name = f"roll_out_{dynamics.rpartition('.')[2]}_{encoder}_{action_kind}"
    return _load(name, template.replace(PLACEHOLDER, imports), folder)


@cache
def network_module() -> ModuleType:
    """The module with `replay` and `back`, which know no task."""
    return _load("passes", (KERNELS / "passes.py").read_text(), cache_folder() / _fingerprint(_sources(())))
