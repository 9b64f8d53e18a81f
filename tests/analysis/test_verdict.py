"""The words of the report follow from the numbers, whichever way those fall."""

import json

import numpy as np
import pytest

from analysis.maze import visits_of
from analysis.pages.water_maze.criteria import judge, reset_not_above_circling, summary
from analysis.verdict import answered, at_least, at_most, interval, latency_text, signed
from lsnn.estimates import Estimate
from lsnn.files.reading import ResultError
from lsnn.files.results import Result
from tests.analysis.make_result import BASELINES, make_result


def judged(path):
    with Result(path) as result:
        return judge(result)


def outcomes(verdict):
    return [criterion.met for criterion in verdict.criteria]


def without(*names):
    return {name: baseline for name, baseline in BASELINES.items() if name not in names}


def test_a_network_that_remembers(result):
    verdict = judge(result)
    assert outcomes(verdict) == [True, True, True, True, None, True, True]  # 2.09 [1.04, 2.96] does not clear 1.5
    assert verdict.memory_shown is True
    assert verdict.headline == "One-shot memory is shown"


def test_where_it_is_dark_visits_are_counted_in_the_time_that_is_swum(edited):
    """Long darks would make everyone's visits alike; rates are those of the trials, added up by hand."""

    def darken(file):
        config = json.loads(file.attrs["config"])
        config["task"]["dark_ms"] = 2000
        file.attrs["config"] = json.dumps(config)

    path = edited(darken)
    with Result(path) as result:
        rates = {}
        for name in ("frozen", "circling", "state_reset", "oracle"):
            trials = result.conditions[name].trials
            rates[name] = trials.found.sum() / trials.latency_ms.sum()
        verdict = judge(result)
    told = [c for c in verdict.criteria if "in the time that it swims, rest and dark apart" in c.rule]
    share = {name: rate / rates["oracle"] for name, rate in rates.items()}
    expected = [
        share["frozen"] - share["circling"], share["state_reset"] - share["circling"],
        share["frozen"] - share["state_reset"], share["frozen"],
    ]  # fmt: skip
    assert [float(c.measured.split()[0]) for c in told] == pytest.approx(expected, abs=0.006)
    assert verdict.memory_shown is True


def test_a_network_that_only_circles(tmp_path):
    verdict = judged(
        make_result(tmp_path / "r.h5", baselines=BASELINES | {"frozen": BASELINES["circling"]}, recorded=0)
    )
    unchanged, above, reset_low, *rest = outcomes(verdict)
    assert (unchanged, above, reset_low, rest) == (True, False, True, [False, None, None, False])
    assert verdict.headline == "One-shot memory is not shown"


def test_a_network_whose_reset_makes_no_difference(tmp_path):
    verdict = judged(
        make_result(tmp_path / "r.h5", baselines=BASELINES | {"state_reset": BASELINES["frozen"]}, recorded=0)
    )
    assert [c.met for c in verdict.criteria if "reset" in c.rule] == [False, False]
    assert verdict.memory_shown is False


def test_a_test_left_out_decides_nothing(tmp_path):
    verdict = judged(make_result(tmp_path / "r.h5", baselines=without("state_reset"), recorded=0))
    assert [c.measured for c in verdict.criteria if c.met is None and c.essential] == ["not run", "not run"]
    assert verdict.memory_shown is None
    assert "neither shown nor refuted" in verdict.headline


def test_weights_that_moved_refute(edited):
    verdict = judged(edited(lambda file: file["state_reset"].attrs.__setitem__("weights_sha256_after", "00" * 32)))
    assert verdict.criteria[0].met is False
    assert verdict.criteria[0].measured == "changed in state_reset"
    assert verdict.memory_shown is False


def test_weights_of_another_network_refute(edited):
    verdict = judged(edited(lambda file: file.attrs.__setitem__("network_sha256", "00" * 32)))
    assert verdict.criteria[0].measured == "changed in frozen, frozen_sampled, state_reset"


def test_baselines_are_required(tmp_path):
    path = make_result(tmp_path / "r.h5", baselines=without("circling", "oracle"), recorded=0)
    with pytest.raises(ResultError, match="needs the conditions frozen, circling, oracle; missing: circling, oracle"):
        judged(path)


def test_one_episode_decides_nothing(tmp_path):
    """It has no interval, so neither does it show memory nor refute it."""
    verdict = judged(make_result(tmp_path / "r.h5", n_episodes=1, recorded=0))
    assert outcomes(verdict)[1:4] == [None, None, None] and verdict.memory_shown is None
    assert all("nan" not in criterion.measured for criterion in verdict.criteria)


@pytest.mark.parametrize(
    ("low", "high", "met"),
    [(-1.0, 1.5, True), (0.1, 0.5, True), (-1.0, 9.0, None), (1.0, 9.0, None), (2.1, 9.0, False)],
)
def test_a_reset_leaves_no_more_than_circling_to_within_the_margin(result, monkeypatch, low, high, met):
    """Few episodes decide nothing, and with many a difference within the margin is none."""
    found = Estimate((low + high) / 2, low, high, 64)
    monkeypatch.setattr("analysis.pages.water_maze.criteria.visits_difference", lambda *_: found)
    (criterion,) = answered([reset_not_above_circling(result)])
    assert criterion.met is met


def test_a_criterion_is_met_or_not_where_the_whole_interval_says_so():
    """An estimate on the right side of the bar is not enough, and one on the wrong side refutes nothing."""
    effects = [Estimate(value, low, high, n) for value, low, high, n in (
        (0.80, 0.78, 0.82, 512), (0.80, 0.70, 0.90, 30), (0.70, 0.60, 0.80, 30), (0.60, 0.58, 0.62, 512),
        (0.80, 0.79, 0.81, 12), (0.80, np.nan, np.nan, 1),
    )]  # fmt: skip
    met = [criterion.met for criterion in answered([at_least("", "", each, 0.75) for each in effects])]
    assert met == [True, None, None, False, None, None]
    met = [criterion.met for criterion in answered([at_most("", "", each, 0.75) for each in effects])]
    assert met == [False, None, None, True, None, None]


def test_the_untrained_network_is_not_said_to_have_the_hash_of_the_other(result):
    assert judge(result).criteria[0].measured.endswith("throughout (frozen, frozen_sampled, state_reset)")


def test_summary_has_the_numbers(result):
    frozen = result.conditions["frozen"]
    text = summary(result)
    assert f"found the hidden platform {visits_of(frozen).mean():.1f} [" in text
    assert "episode of 600 ms" in text
    assert "over 24 episodes" in text


def test_numbers_in_words():
    assert interval(Estimate(0.7666, 0.75, 0.78, 9), 2) == "0.77 [0.75, 0.78]"
    assert interval(Estimate(0.7666, np.nan, np.nan, 1), 1) == "0.8"
    assert interval(Estimate(np.nan, np.nan, np.nan, 0), 1) == "–"
    assert signed(Estimate(-3.25, -4, 0.5, 9)) == "−3.2 [−4.0, +0.5]"
    assert signed(Estimate(-3.25, np.nan, np.nan, 1)) == "−3.2"
    assert latency_text(Estimate(140.4, 120, 2000, 9), 2000) == "140 [120, > 2000]"
    assert latency_text(Estimate(2000, np.nan, np.nan, 1), 2000) == "> 2000"
    assert latency_text(Estimate(np.nan, np.nan, np.nan, 0), 2000) == "–"
