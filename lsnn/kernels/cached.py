"""Generated modules on disk: written once, imported from there, so that numba's own cache works for them."""

import importlib.util
import os
import sys
import threading
from pathlib import Path
from types import ModuleType

from lsnn.errors import InputError

_importing = threading.RLock()


def cache_folder() -> Path:
    """Where generated modules are kept: $LSNN_CACHE, else the user's cache folder."""
    root = os.environ.get("LSNN_CACHE") or os.path.join(
        os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache"), "lsnn"
    )
    return Path(root)


def write_once(path: Path, text: str) -> None:
    """Write a file unless it is there; no other process or thread ever sees half of it."""
    if path.exists():
        return
    partial = path.with_suffix(f".{os.getpid()}.{threading.get_ident()}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        partial.write_text(text)
        partial.replace(path)
    except OSError as error:
        rule = "must be a folder that can be written to, for compiled code; set LSNN_CACHE to another"
        raise InputError(f"{cache_folder()}: {rule}: {error.strerror}") from error


def import_from(path: Path) -> ModuleType:
    """The module in a file of the cache folder; a thread that asks while another imports it waits for the whole."""
    name = f"lsnn_compiled.{path.parent.name}.{path.stem}"
    with _importing:
        if name not in sys.modules:
            spec = importlib.util.spec_from_file_location(name, path)
            assert spec is not None and spec.loader is not None
            module = importlib.util.module_from_spec(spec)
            sys.modules[name] = module
            spec.loader.exec_module(module)
        return sys.modules[name]
