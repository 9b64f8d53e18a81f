"""The network and how it learns; knows no task. The public names below are imported when they are asked for."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lsnn.errors import InputError as InputError
    from lsnn.files.results import compare as compare
    from lsnn.files.results import open_result as open_result

PUBLIC = {"InputError": "lsnn.errors", "compare": "lsnn.files.results", "open_result": "lsnn.files.results"}


def __getattr__(name: str) -> Any:
    if name in PUBLIC:
        from importlib import import_module

        return getattr(import_module(PUBLIC[name]), name)
    if name == "__version__":
        from importlib.metadata import PackageNotFoundError, version

        try:
            return version("lsnn")
        except PackageNotFoundError:  # a clone that nobody has installed
            return "unknown"
    raise AttributeError(f"module 'lsnn' has no attribute {name!r}")


def __dir__() -> list[str]:
    return [*globals(), *PUBLIC, "__version__"]
