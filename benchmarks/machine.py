"""What the benchmarks run on."""

import os
import platform
from importlib.metadata import version
from pathlib import Path
from typing import Any

CACHES = Path("/sys/devices/system/cpu/cpu0/cache")
PACKAGES = ("numpy", "numba", "llvmlite", "scipy")

# Peers ask for their arrays anew every run; with these, glibc keeps what is freed instead of handing it back to the
# kernel, which would page it in again (a third of the time of JAX without delays). This engine reuses its arrays.
KEEPS_MEMORY = {"MALLOC_ARENA_MAX": "1", "MALLOC_MMAP_MAX_": "0", "MALLOC_TRIM_THRESHOLD_": "100000000000"}


def machine() -> dict[str, Any]:
    """Processor, caches, memory, system, and the versions of what the engine is made of."""
    return {
        "processor": _first_value("/proc/cpuinfo", "model name") or platform.processor(),
        "cores_used": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "caches": {f"L{level} {kind}": size for level, kind, size in _caches()},
        "memory": _first_value("/proc/meminfo", "MemTotal"),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "packages": {name: version(name) for name in PACKAGES},
    }


def pin_to_cores(count: int) -> None:
    """Keep this process and those it starts on the first `count` cores, where the system can."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:count])


def _first_value(file: str, key: str) -> str:
    try:
        lines = Path(file).read_text().splitlines()
    except OSError:
        return ""
    return next((line.split(":", 1)[1].strip() for line in lines if line.startswith(key)), "")


def _caches() -> list[tuple[str, str, str]]:
    found = []
    for folder in sorted(CACHES.glob("index*")):
        level, kind, size = ((folder / name).read_text().strip() for name in ("level", "type", "size"))
        found.append((level, kind.lower(), size))
    return found
