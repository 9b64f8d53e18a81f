"""Machine code of numba functions on disk, in place of numba's own cache.

An entry is one file, named after all that the code depends on (`dependencies.py`) and sealed (`cached.py`): it is never
stale, and LLVM never meets damaged bytes. What does not load is compiled again.
"""

import hashlib
import pickle
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from numba.core.caching import Cache, NullCache
from numba.core.compiler import CompileResult
from numba.core.serialize import dumps

from lsnn.errors import InputError
from lsnn.kernels.cached import cache_folder, keep, kept
from lsnn.kernels.dependencies import Unkeepable, fingerprint, numba_functions


class MachineCode(NullCache):
    """The cache of one numba function."""

    def __init__(self, function: Any) -> None:
        self._function = function

    @property
    def cache_path(self) -> str:
        """The folder of the entries."""
        return str(cache_folder() / "machine_code")

    def load_overload(self, sig: Any, target_context: Any) -> CompileResult | None:
        """The code for these argument types; None if there is none that can be used."""
        target_context.refresh()
        path = self._entry(sig, target_context.codegen())
        payload = None if path is None else kept(path)
        if payload is None:
            return None
        try:
            return CompileResult._rebuild(target_context, *pickle.loads(payload))
        except Exception:  # a whole file, but for numba or modules that are not those of now
            return None

    def save_overload(self, sig: Any, data: CompileResult) -> None:
        """Keep code that was compiled; not where it holds addresses of this process, or parts that numba lifted."""
        path = self._entry(sig, data.codegen)
        if path is not None and not data.lifted and not data.library.has_dynamic_globals:
            keep(path, dumps(data._reduce()))

    def _entry(self, sig: Any, codegen: Any) -> Path | None:
        """The file for these argument types; None if what the code depends on cannot be told."""
        try:
            found = fingerprint(self._function, sig)
        except Unkeepable:
            return None
        key = hashlib.sha256(f"{found} {codegen.magic_tuple()}".encode()).hexdigest()
        return Path(self.cache_path) / f"{self._function.py_func.__name__}-{key[:32]}"


def keep_machine_code(functions: Iterable[Any]) -> None:
    """Give these functions a cache on disk, and one to all they call that have numba's own, which may be stale.

    Raises:
        InputError: one that they call was made by `vectorize` with a cache of numba's.
    """
    functions = list(functions)
    for function in numba_functions(functions):
        if isinstance(getattr(function, "cache", None), Cache):
            name = f"{function.py_func.__module__}.{function.py_func.__qualname__}"
            raise InputError(f"{name} must be vectorized without cache=True, which does not see changes in other files")
        if any(function is given for given in functions) or isinstance(getattr(function, "_cache", None), Cache):
            function._cache = MachineCode(function)
            if function._cache_hits:  # loaded from numba's before
                function.recompile()
