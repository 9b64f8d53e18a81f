"""Modules import one way: none comes back to itself, be it through imports inside functions or for types."""

import ast
from graphlib import TopologicalSorter
from pathlib import Path

CLONE = Path(__file__).parents[1]
PACKAGES = ("lsnn", "tasks", "agents", "runs", "analysis")


def modules_of(package):
    """Name of every module of a package to its file."""
    files = sorted((CLONE / package).rglob("*.py"))
    return {".".join(file.relative_to(CLONE).with_suffix("").parts).removesuffix(".__init__"): file for file in files}


def imported(file, modules):
    """Those of the modules that a file imports, anywhere."""
    names = set()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            whole = {f"{node.module}.{alias.name}" for alias in node.names}
            names |= whole & set(modules) or {node.module}
    return names & set(modules)


def test_no_module_comes_back_to_itself():
    modules = {name: file for package in PACKAGES for name, file in modules_of(package).items()}
    arrows = {name: imported(file, modules) - {name} for name, file in modules.items()}
    order = list(TopologicalSorter(arrows).static_order())  # a circle raises CycleError, which names it
    assert set(order) == set(modules) and order.index("lsnn.progress") < order.index("runs.cli")
