"""The package as a whole: one-way dependencies, declared requirements, import time."""

import ast
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError
from pathlib import Path

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

import lsnn

CLONE = Path(__file__).parents[1]

# The commands in runs/ call the report; what it shows comes from the file alone.
MAY_IMPORT = {
    "lsnn": {"lsnn"},
    "tasks": {"tasks", "lsnn"},
    "agents": {"agents", "tasks", "lsnn"},
    "runs": {"runs", "agents", "tasks", "lsnn", "analysis"},
    "analysis": {"analysis", "lsnn"},
}
# What analysis takes of lsnn: open_result and what it opens, checks of further items, the register of seeds, how files
# are written.
DOOR = {"lsnn", "lsnn.errors", "lsnn.estimates", "lsnn.files.about", "lsnn.files.conditions", "lsnn.files.reading",
        "lsnn.files.results", "lsnn.seeds"}  # fmt: skip
OF_FILES = {"lsnn.files.scratch", "lsnn.files.whole"}
DISTRIBUTIONS = {"sklearn": "scikit-learn", "llvmlite": "numba", "imageio_ffmpeg": "imageio-ffmpeg"}


def imported_packages(path: Path) -> set[str]:
    """Top-level names of every import in a source file, inside functions as well."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            own = path.relative_to(CLONE).parts[0]
            names.add(own if node.level else (node.module or "").split(".")[0])
    return names


def project() -> dict:
    return tomllib.loads((CLONE / "pyproject.toml").read_text())["project"]


def bounds(requirements: list[str]) -> dict[str, SpecifierSet]:
    parsed = [Requirement(text) for text in requirements]
    return {canonicalize_name(requirement.name): requirement.specifier for requirement in parsed}


def declared_bounds() -> dict[str, SpecifierSet]:
    extras = project()["optional-dependencies"]
    chosen = [extras[name] for name in ("test", "nwb", "movie", "dev", "docs")]
    return bounds(sum(chosen, project()["dependencies"]))


def conda_bounds() -> dict[str, SpecifierSet]:
    """The bounds in environment.yml; its entries are the lines '  - name specifier'."""
    entries = re.findall(r"^  - (\S+)(?: (\S+))?$", (CLONE / "environment.yml").read_text(), re.MULTILINE)
    return bounds([name + specifier for name, specifier in entries if name not in ("conda-forge", "pip:")])


def modules() -> Iterator[tuple[str, Path, set[str]]]:
    """Package, path and imports of every module."""
    for package in MAY_IMPORT:
        for path in sorted((CLONE / package).rglob("*.py")):
            yield package, path, imported_packages(path)


def test_dependencies_point_one_way():
    wrong = {path: imports & set(MAY_IMPORT) - MAY_IMPORT[package] for package, path, imports in modules()}
    assert {path: names for path, names in wrong.items() if names} == {}


def test_analysis_takes_nothing_of_the_simulator():
    taken = set()
    for path in (CLONE / "analysis").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "lsnn":
                taken.add(node.module)
            elif isinstance(node, ast.Import):
                taken |= {alias.name for alias in node.names if alias.name.split(".")[0] == "lsnn"}
    assert taken == DOOR | OF_FILES | {"lsnn.files.nwb"}
    loaded = "import sys, analysis.report, analysis.movie; print(list(sys.modules))"
    found = ast.literal_eval(subprocess.check_output([sys.executable, "-c", loaded], cwd=CLONE, text=True))
    own = {name for name in found if name.startswith(("lsnn.", "tasks", "numba", "brian2"))}
    inside = {"lsnn.files", "lsnn.files.older", "lsnn.files.renamed", "lsnn.files.sealed", "lsnn.files.soundness"}
    inside |= {"lsnn.validation"}
    assert own == (DOOR | OF_FILES | inside) - {"lsnn"}


def calls_in(path: Path) -> set[str]:
    """Names of the functions that a source file calls, as they stand there."""
    calls = (node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call))
    return {ast.unparse(call.func) for call in calls}


def test_analysis_opens_result_files_by_the_door_alone():
    """A summary of a sweep is no result."""
    openers = {"h5py.File", "File", "opened", "open_sealed", "Result"}
    found = {path.name: openers & calls_in(path) for path in (CLONE / "analysis").rglob("*.py")}
    assert {name: calls for name, calls in found.items() if calls} == {"sweep.py": {"opened"}}
    assert [path.name for path in (CLONE / "analysis").rglob("*.py") if "open_result" in calls_in(path)]


def test_only_analysis_plots():
    plot = [path for package, path, imports in modules() if "matplotlib" in imports and package != "analysis"]
    assert [path for path in plot if path.parent.name != "examples"] == []  # which stand for scripts of one's own


def test_imports_are_declared():
    known = set(MAY_IMPORT) | set(sys.stdlib_module_names)
    used = {DISTRIBUTIONS.get(name, name) for _, _, imports in modules() for name in imports - known}
    optional = project()["optional-dependencies"]
    needed = used - set(bounds(project()["dependencies"]))
    extras = ("agents", "cluster", "nwb", "movie", "torch", "jax", "nir")
    optionally = bounds(sum((optional[name] for name in extras), []))
    assert set(bounds(optional["cluster"])) <= needed <= set(optionally)


def test_dask_is_imported_by_who_uses_a_cluster_alone():
    named = {path.relative_to(CLONE).as_posix() for _, path, imports in modules() if "distributed" in imports}
    assert named == {"runs/training/crew.py"}  # lsnn/workers/cluster.py is given a client
    loading = "import sys, runs.training.train, runs.training.crew; "
    loaded = loading + "print([m for m in ('distributed', 'dask') if m in sys.modules])"
    assert subprocess.check_output([sys.executable, "-c", loaded], cwd=CLONE, text=True).strip() == "[]"


def test_jax_is_imported_by_who_asks_for_an_agent_alone():
    libraries = {"jax", "equinox", "optax"}
    assert {package for package, _, imports in modules() if imports & {"equinox", "optax"}} == {"agents"}
    loading = "import sys, lsnn, tasks.environment, runs.cli, runs.testing.run, runs.training.train, agents.config; "
    loaded = loading + f"print(sorted({libraries} & set(sys.modules)))"
    assert subprocess.check_output([sys.executable, "-c", loaded], cwd=CLONE, text=True).strip() == "[]"


def test_conda_environment_has_the_bounds_of_the_project():
    conda = conda_bounds()
    assert conda.pop("python") == SpecifierSet(project()["requires-python"])
    del conda["pip"], conda["setuptools"]
    assert conda == declared_bounds()


def test_lock_pins_what_the_project_declares():
    lines = [line for line in (CLONE / "requirements.lock").read_text().splitlines() if not line.startswith("#")]
    pins = [Requirement(line) for line in lines]
    assert all(re.fullmatch(r"==[^*,]+", str(pin.specifier)) and pin.url is None for pin in pins)
    here = {canonicalize_name(pin.name): pin for pin in pins if pin.marker is None or pin.marker.evaluate()}
    for name, specifier in declared_bounds().items():
        assert specifier.contains(str(here[name].specifier).removeprefix("=="))


def test_import_takes_less_than_a_second():
    timed = "import time; start = time.perf_counter(); import lsnn; print(time.perf_counter() - start)"
    times = [float(subprocess.check_output([sys.executable, "-c", timed], cwd=CLONE)) for _ in range(3)]
    assert min(times) < 1.0


def test_version_is_that_of_the_project_and_costs_nothing_to_have():
    assert lsnn.__version__ == project()["version"]
    command = [sys.executable, "-m", "runs", "--version"]
    assert subprocess.check_output(command, cwd=CLONE, text=True) == f"lsnn {lsnn.__version__}\n"
    loaded = "import sys, lsnn; print([m for m in ('numpy', 'numba', 'importlib.metadata') if m in sys.modules])"
    assert subprocess.check_output([sys.executable, "-S", "-c", loaded], cwd=CLONE, text=True).strip() == "[]"


def test_a_clone_that_nobody_has_installed_has_a_version_too(monkeypatch):
    def unknown(name):
        raise PackageNotFoundError(name)

    monkeypatch.setattr("importlib.metadata.version", unknown)
    assert lsnn.__version__ == "unknown"


def test_what_a_change_has_to_pass_is_made_of_targets_that_exist():
    targets = set(re.findall(r"^([a-z-]+):", (CLONE / "Makefile").read_text(), flags=re.MULTILINE))
    workflow = (CLONE / ".github" / "workflows" / "ci.yml").read_text()
    for text in ((CLONE / ".ci" / "run").read_text(), workflow):
        asked = set(re.findall(r"make ([a-z-]+)$", text, flags=re.MULTILINE))
        assert {"lint", "docs", "test"} <= asked <= targets
    oldest = min(re.findall(r'"(3\.\d+)"', workflow), key=lambda python: int(python.split(".")[1]))
    assert SpecifierSet(f">={oldest}") == SpecifierSet(project()["requires-python"])
