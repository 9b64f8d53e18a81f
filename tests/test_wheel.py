"""The wheel: it holds all that the packages need and nothing else, and works where there is no clone."""

import os
import re
import shutil
import subprocess
import sys
import sysconfig
import venv
import zipfile
from pathlib import Path

import pytest

CLONE = Path(__file__).parents[1]
PACKAGES = ("agents", "analysis", "lsnn", "runs", "tasks")


def in_packages() -> set[str]:
    """Every file of the packages that is no leftover of Python's."""
    files = (path for package in PACKAGES for path in (CLONE / package).rglob("*") if path.is_file())
    return {path.relative_to(CLONE).as_posix() for path in files if "__pycache__" not in path.parts}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> Path:
    """The wheel as `pip wheel` builds it, from a copy of the sources."""
    source, built = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("built")
    for package in PACKAGES:
        shutil.copytree(CLONE / package, source / package, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("tests", "docs", "benchmarks"):
        (source / name).mkdir()
        (source / name / "__init__.py").touch()
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(CLONE / name, source)
    pip = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", "--no-index"]
    subprocess.run([*pip, "--wheel-dir", str(built), str(source)], check=True)
    (file,) = built.glob("*.whl")
    return file


@pytest.fixture(scope="module")
def unpacked(wheel, tmp_path_factory) -> Path:
    """Its files in a folder outside the clone."""
    folder = tmp_path_factory.mktemp("unpacked")
    zipfile.ZipFile(wheel).extractall(folder)
    return folder


def test_it_holds_all_files_of_the_packages_and_no_other(wheel):
    names = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}
    assert names == in_packages()
    assert {Path(name).suffix for name in names} >= {".py", ".h5", ".jinja", ".css", ".js"}


def test_a_test_and_its_report_without_a_clone(unpacked, tmp_path):
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST")}
    environment["PYTHONPATH"] = str(unpacked)

    def lsnn(*arguments: str) -> str:
        return subprocess.check_output(
            [sys.executable, "-m", "runs", *arguments], cwd=tmp_path, env=environment, text=True
        )

    where = "import runs; print(runs.__file__)"
    found = subprocess.check_output([sys.executable, "-c", where], cwd=tmp_path, env=environment, text=True)
    assert Path(found.strip()) == unpacked / "runs" / "__init__.py"
    assert re.fullmatch(r"lsnn \d+\.\d+\.\d+\n", lsnn("--version"))
    network = unpacked / "runs" / "pretrained" / "water_maze.lsnn.h5"
    lsnn("test", str(network), "--out", "result.h5", "--episodes", "8", "--condition", "frozen")
    lsnn("report", "result.h5", "--out", "report")
    assert "<style>" in (tmp_path / "report" / "report.html").read_text()
    assert sorted(os.listdir(tmp_path)) == ["report", "result.h5"]


@pytest.mark.long
def test_installed_into_an_empty_environment_it_runs_the_maze(wheel, tmp_path):
    """The requirements are those of this environment, the packages of the project the wheel's alone."""
    venv.create(tmp_path / "venv")
    python, where = tmp_path / "venv" / "bin" / "python", "import sysconfig; print(sysconfig.get_path('purelib'))"
    own = subprocess.check_output([python, "-c", where], text=True).strip()
    (Path(own) / "requirements.pth").write_text(sysconfig.get_path("purelib") + "\n")
    pip = [sys.executable, "-m", "pip", "--python", str(python), "install", "--quiet", "--no-deps", "--no-index"]
    subprocess.run([*pip, str(wheel)], check=True)
    (tmp_path / "work").mkdir()
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    command = [str(tmp_path / "venv" / "bin" / "lsnn"), "maze", "--pretrained", "--out", "maze"]
    ran = subprocess.run(command, cwd=tmp_path / "work", env=environment, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr
    assert {"report.html", "result.h5", "by_trial.png"} <= set(os.listdir(tmp_path / "work" / "maze"))
