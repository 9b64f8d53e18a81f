"""Files of the cache folder: each is whole or counts as absent.

A file begins with the SHA-256 of all that follows, so that nothing cut off or garbled by a power loss is ever read as
source or machine code: it is made again.
"""

import hashlib
import linecache
import os
import sys
import threading
import time
import warnings
from collections.abc import Iterable
from pathlib import Path
from types import ModuleType

from lsnn.errors import InputError, StoreError
from lsnn.files.whole import write_whole

BEGAN = time.time()
_making = threading.RLock()


def cache_folder() -> Path:
    """Where generated source and compiled code are kept: $LSNN_CACHE, else the user's cache folder."""
    root = os.environ.get("LSNN_CACHE") or os.path.join(
        os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache"), "lsnn"
    )
    return Path(root)


def kept(path: Path) -> bytes | None:
    """What `keep` wrote to a file; None if it is not there or not whole."""
    try:
        seal, _, payload = path.read_bytes().partition(b"\n")
    except OSError:
        return None
    return payload if seal == _seal(payload) else None


def keep(path: Path, payload: bytes) -> None:
    """Write a file of the cache; no other process or thread ever sees half of it. A full disk is warned of.

    Raises:
        InputError: the folder cannot be made or written to.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, _seal(payload) + b"\n" + payload)
    except StoreError as error:
        message = f"{cache_folder()}: compiled code could not be kept there, so it is made again at the next start"
        warnings.warn(f"{message}: {error.reason}", RuntimeWarning, stacklevel=2)
    except (OSError, InputError) as error:
        rule = "must be a folder that can be written to, for compiled code; set LSNN_CACHE to another"
        raise InputError(f"{cache_folder()}: {rule}: {error}") from error


def _seal(payload: bytes) -> bytes:
    return hashlib.sha256(payload).hexdigest().encode()


def changed_since_start(files: Iterable[str | Path]) -> bool:
    """Whether one of these sources changed after this process began, which may have loaded the old one.

    What such a process makes must be kept for no other.
    """
    return any(BEGAN < os.stat(file).st_mtime <= time.time() for file in files)


def module_of(name: str, text: str) -> ModuleType:
    """The module of a generated text, made once; a thread that asks while another makes it waits for the whole.

    Its name holds a hash of the text, as numba tells functions apart by the names of their modules.
    """
    full = f"lsnn_compiled.{name}_{hashlib.sha256(text.encode()).hexdigest()[:16]}"
    with _making:
        if full not in sys.modules:
            file = f"<{full}>"
            module = ModuleType(full)
            module.__file__ = file
            code = compile(text, file, "exec")
            linecache.cache[file] = (len(text), None, text.splitlines(keepends=True), file)  # for tracebacks
            sys.modules[full] = module
            try:
                exec(code, module.__dict__)
            except BaseException:
                del sys.modules[full]
                raise
        return sys.modules[full]
