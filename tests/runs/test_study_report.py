"""The report of a study: a figure and a text an experiment, from the file alone."""

import re
import shutil

import h5py
import pytest
from typer.testing import CliRunner

from analysis.claims import Outcome
from analysis.report import write_report
from analysis.study.report import ENTRIES, answers, decided
from lsnn.files.reading import ResultError
from lsnn.files.results import Result
from lsnn.files.store import fix_text, seal
from runs.cli import main

TRAINED_FOR = ("wedge", "tau_a", "controls", "wiring_rewired")  # only where networks were trained for them


@pytest.fixture(scope="module")
def written(study_path, tmp_path_factory):
    out = tmp_path_factory.mktemp("report")
    outcome = CliRunner().invoke(main, ["report", str(study_path), "--out", str(out)])
    assert outcome.exit_code == 0, outcome.output
    return out


def test_every_experiment_has_its_figure_and_its_text(written):
    page = (written / "report.html").read_text(encoding="utf-8")
    here = [entry for entry in ENTRIES if entry.name not in TRAINED_FOR]
    for entry in here:
        assert (written / f"{entry.name}.png").read_bytes().startswith(b"\x89PNG")
        assert f"<h2>{entry.title}</h2>" in page
    assert page.count("data:image/png;base64,") == len(here) == 12
    assert "Not in the file: Held-out wedge, Time constant of adaptation, Controls, Wiring learned by DEEP R." in page
    assert not re.search(r"(src|href)=\"(?!data:)", page)
    assert "the same before and after" in page and "lsnn study NETWORK" in page


def test_every_question_is_answered_with_numbers(study_path):
    with Result(study_path) as result:
        present = [entry for entry in ENTRIES if entry.name in result.file]
        found = dict(answers(result, *decided(result, present)))
    assert len(found) == 7 and all(re.search(r"\d", text) for text in found.values())
    assert len(set(found.values())) == 7


def test_what_few_animals_do_not_decide_is_not_said_to_be_absent(study_path, written):
    """Escape latencies of some ten animals decide nothing; no mechanism is named that nothing tests."""
    with Result(study_path) as result:
        outcomes, _ = decided(result, [entry for entry in ENTRIES if entry.name in result.file])
    assert set(outcomes["silence"].values()) == set(outcomes["retention"].values()) == {Outcome.UNDECIDED}
    page = (written / "report.html").read_text(encoding="utf-8")
    count = sum(len(of) for of in outcomes.values())
    assert f"The {count} claims of this page are corrected together (Holm)" in page and "not decided" in page
    for word in ("attractor", "activity-silent", "no measurable", "Nothing is saved", "p = 0.0"):
        assert word not in page


def keep(file, *names):
    """Take out all other experiments; returns the first that stays."""
    for entry in ENTRIES:
        if entry.name in file and entry.name not in names:
            del file[entry.name]
    return file[names[0]] if names else None


def test_too_few_animals_are_said_to_be_so(study_path, tmp_path):
    def nobody_found_it(file):
        keep(file, "transplant", "clamp")
        file["transplant/found"][:] = False

    page = write_report(changed(study_path, tmp_path / "few.h5", nobody_found_it), tmp_path / "out").read_text()
    assert "Transplant: nothing can be said, since 0 of " in page and "Not answered: 0 of " in page


def changed(study_path, path, change):
    shutil.copy(study_path, path)
    with h5py.File(path, "r+") as file:
        change(file)
        fix_text(file)
    seal(path)
    return path


def renamed(group, attribute, name, other="another"):
    """The group with one name of an attribute changed; two are exchanged if the other is there."""
    others = {name: other, other: name}
    group.attrs[attribute] = [others.get(each.decode(), each.decode()) for each in group.attrs[attribute]]


def test_a_study_of_some_experiments_has_a_report_of_these(study_path, tmp_path):
    one = changed(study_path, tmp_path / "one.h5", lambda file: keep(file, "ablation"))
    page = write_report(one, tmp_path / "out").read_text()
    assert "<h2>Ablation of state</h2>" in page and "Not in the file: Silence" in page
    assert [path.name for path in (tmp_path / "out").glob("*.png")] == ["ablation.png"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda file: file["ablation"].pop("moment_ms"), "needs a data set 'moment_ms'"),
        (lambda file: keep(file, "retention").attrs.pop("tau_a_ms"), "needs an attribute 'tau_a_ms'"),
        (lambda file: renamed(keep(file, "transplant"), "swaps", "none"), "must be names that hold none"),
        (lambda file: renamed(keep(file, "transplant"), "swaps", "b"), "must be names that hold b, which"),
        (lambda file: renamed(keep(file, "takeover"), "swaps", "other_b_alone"), "names that hold other_b_alone"),
        (lambda file: renamed(keep(file, "one_visit"), "changes", "everything exchanged"), "hold everything exchanged"),
        (lambda file: renamed(keep(file, "one_visit"), "changes", "none", "erased"), "reached: must hold what comes"),
        (keep, "must hold an experiment"),
    ],
)
def test_what_is_missing_is_named_and_nothing_written(study_path, tmp_path, change, message):
    broken = changed(study_path, tmp_path / "broken.h5", change)
    with pytest.raises(ResultError, match=message):
        write_report(broken, tmp_path / "out")
    assert not (tmp_path / "out").exists()
