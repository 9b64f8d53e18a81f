"""JAX as agents use it: on the CPU, on one thread, so that the same command gives the same bits.

Whoever imports a library of JAX's in this package imports this module first, as its flags are read when JAX begins.
"""

import os

from lsnn.errors import InputError

ONE_THREAD = "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"

os.environ.setdefault("JAX_PLATFORMS", "cpu")
if ONE_THREAD not in os.environ.get("XLA_FLAGS", ""):
    os.environ["XLA_FLAGS"] = f"{os.environ.get('XLA_FLAGS', '')} {ONE_THREAD}".strip()

try:
    import equinox
    import jax
    import optax
except ImportError as missing:
    raise InputError(f"agents need the extra 'agents' (pip install -e .[agents]): {missing}") from missing

VERSIONS = {library.__name__: library.__version__ for library in (jax, equinox, optax)}
