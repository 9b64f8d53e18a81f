"""The network and how it learns; knows no task."""

from typing import Any


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from importlib.metadata import PackageNotFoundError, version

        try:
            return version("lsnn")
        except PackageNotFoundError:  # a clone that nobody has installed
            return "unknown"
    raise AttributeError(f"module 'lsnn' has no attribute {name!r}")
