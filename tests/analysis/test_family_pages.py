"""The numbers of the pages of the other families, on result files of which every number can be worked out by hand."""

import numpy as np
import pandas
import pytest

from analysis.pages import bandit, regression, store_recall
from lsnn.estimates import Estimate, mean_over_episodes, ratio_over_episodes
from lsnn.files.reading import ResultError

RECALL_DTYPE = np.dtype(
    [
        ("episode", np.int32),
        ("time_ms", np.int32),
        ("delay_ms", np.int32),
        ("bit", np.int8),
        ("answer", np.float64),
        ("right", np.bool_),
    ]
)


def lines(axes):
    """Abscissa and ordinate of the lines of a panel, by label."""
    return {line.get_label(): (list(line.get_xdata()), list(line.get_ydata())) for line in axes.lines}


def values(cells):
    """The cells of a row of a table without their intervals."""
    return [cell.split(" [")[0] for cell in cells]


def test_a_ratio_over_episodes_is_that_of_the_sums():
    got = ratio_over_episodes(np.array([1.0, 5.0]), np.array([2.0, 2.0]))
    assert got == Estimate(1.5, 0.5, 2.5, 2)
    assert ratio_over_episodes(np.array([1.0, 3.0]), np.array([2.0, 6.0])) == Estimate(0.5, 0.5, 0.5, 2)
    assert ratio_over_episodes(np.array([1.0, 9.0]), np.array([1.0, 4.0])).value == 2.0  # 1 and 2.25 by themselves
    assert mean_over_episodes(np.array([1.0, 2.0])) == Estimate(1.5, 1.0, 2.0, 2)


@pytest.mark.parametrize("below", [np.zeros(8), np.array([1.0] + [-1.0] * 7)], ids=["nothing", "below 0"])
def test_a_ratio_to_nothing_is_undefined(below):
    assert np.isnan(ratio_over_episodes(np.arange(8.0), below)[:3]).all()


def test_resamples_that_leave_a_ratio_undefined_are_left_out_unless_they_are_most():
    """One of n episodes has something below: a resample of 8 misses it with (7/8)^8 = 0.34, one of 2 with 1/4."""
    for n in (2, 8):
        one = np.arange(n) == 0
        assert ratio_over_episodes(0.5 * one, 1.0 * one)[:3] == (0.5, 0.5, 0.5)
    mixed = ratio_over_episodes(np.array([1.0, 0, 0, 0, 0, 0]), np.array([1.0, 1, 0, 0, 0, 0]))
    assert mixed[:3] == (0.5, 0.0, 1.0)


def test_a_ratio_to_what_may_be_below_0_has_no_interval():
    """Below: 0.25 on average, and anything from -0.75 to 1 in a resample of eight."""
    below = np.array([1.0, 1, 1, 1, 1, -1, -1, -1])
    found = ratio_over_episodes(np.ones(8), below)
    assert found.value == 4.0 and np.isnan(found[1:3]).all()
    assert ratio_over_episodes(np.ones(8), below + 2)[:3] != found[:3]


# Bandit: four episodes of four pulls

ARMS = ("independent", "anti_correlated")
BANDIT = {"name": "bandit", "trials": 4, "trial_ms": 1}

INDEPENDENT = [[0.75, 0.25], [0.25, 0.5], [0.5, 0.375], [0.625, 0.5]]  # the arms are 0.5, 0.25, 0.125, 0.125 apart
OPPOSED = [[0.75, 0.25], [0.125, 0.875], [0.625, 0.375], [0.5, 0.5]]  # 0.5, 0.75, 0.25, 0
PULLS = {
    "frozen/independent": [[1, 0, 0, 1], [0, 0, 1, 1], [0, 1, 0, 0], [1, 1, 0, 0]],
    "frozen/anti_correlated": [[0, 0, 0, 0], [0, 1, 1, 1], [1, 0, 0, 0], [0, 1, 0, 1]],
    "thompson/independent": [[0, 1, 0, 0], [0, 1, 1, 1], [0, 0, 0, 0], [1, 1, 1, 1]],
    "thompson/anti_correlated": [[0, 0, 0, 0], [1, 1, 1, 1], [0, 0, 0, 0], [0, 0, 0, 0]],
    **{f"{condition}/{arms}": [[0, 0, 0, 0]] * 4 for condition in ("random", "ucb1", "gittins") for arms in ARMS},
}


def of_arms(pulls):
    """Arrays of a result file by the pulls of each condition."""
    probability = {f"{place}/probability": INDEPENDENT if "independent" in place else OPPOSED for place in pulls}
    paid = {f"{place}/paid": np.zeros_like(choice) for place, choice in pulls.items()}
    keys = {f"{place}/episode_key": np.arange(len(choice)) for place, choice in pulls.items()}
    return probability | paid | keys | {f"{place}/choice": choice for place, choice in pulls.items()}


@pytest.fixture
def arms(by_hand):
    return by_hand(of_arms(PULLS), **BANDIT)


def test_loss_is_what_the_better_arm_would_have_paid_more(arms):
    lost = [[0.5, 0, 0, 0.5], [0.25, 0.25, 0, 0], [0, 0.125, 0, 0], [0.125, 0.125, 0, 0]]
    np.testing.assert_array_equal(bandit.expected_loss(arms["frozen"]["independent"]), lost)
    opposed = [[0, 0, 0, 0], [0.75, 0, 0, 0], [0.25, 0, 0, 0], [0, 0, 0, 0]]  # equal arms lose nothing
    np.testing.assert_array_equal(bandit.expected_loss(arms["frozen"]["anti_correlated"]), opposed)


def test_regret_is_the_loss_of_a_whole_episode(arms):
    np.testing.assert_array_equal(bandit.regret(arms["frozen"]["independent"]), [1.0, 0.5, 0.125, 0.25])
    np.testing.assert_array_equal(bandit.regret(arms["frozen"]["anti_correlated"]), [0, 0.75, 0.25, 0])
    np.testing.assert_array_equal(bandit.regret(arms["thompson"]["independent"]), [0.5, 0.25, 0, 0.5])


def test_the_table_has_mean_regrets_and_the_ratio_of_their_sums_to_thompsons(arms):
    numbers, ratios = bandit.page(arms).tables
    column = numbers.head.index("regret")
    rows = {(row.cells[0], row.cells[1]): values(row.cells)[column] for row in numbers.rows}
    assert [rows["frozen network", f"{arms} arms"] for arms in ("independent", "anti-correlated")] == ["0.47", "0.25"]
    assert rows["Thompson sampling", "independent arms"] == "0.31"  # 1.25 / 4; above: 1.875 / 4, 1 / 4
    assert rows["Gittins index", "anti-correlated arms"] == "0.75"  # the first arm throughout: 3 / 4
    beside = {row.cells[0]: values(row.cells)[1] for row in ratios.rows}
    assert (beside["frozen network"], beside["Gittins index"]) == ("1.50", "0.80")  # 1.875 / 1.25, 1 / 1.25
    assert list(beside) == ["frozen network", "random", "UCB1", "Thompson sampling", "Gittins index"]


def test_the_legend_of_adaptation_stands_where_there_are_episodes(by_hand):
    """All arms are 0.75 apart: of near ones there is no episode, and nothing to name."""
    far = {f"{place}/probability": [[0.875, 0.125]] * 4 for place in PULLS}
    near, middle, wide = bandit.adaptation(by_hand(of_arms(PULLS) | far, **BANDIT)).axes
    assert near.get_legend() is middle.get_legend() is None
    assert "Thompson sampling" in [text.get_text() for text in wide.get_legend().get_texts()]


def test_the_bandit_is_judged_against_thompson_and_by_the_arms(arms, by_hand):
    """Four episodes decide nothing, a hundred of the same kinds do."""
    exchange = {"frozen": "thompson", "thompson": "frozen"}
    exchanged = {f"{exchange[name]}/{kind}": PULLS[f"{name}/{kind}"] for name in exchange for kind in ARMS}

    def judged(pulls, times=1):
        arrays = {place: np.concatenate([array] * times) for place, array in of_arms(pulls).items()}
        return bandit.criteria(by_hand(arrays, **BANDIT))

    to_thompson, opposed = judged(PULLS)
    assert to_thompson.measured.startswith("1.50 [") and opposed.measured.startswith("0.53 [")  # 1 / 1.875
    assert to_thompson.met is None and opposed.met is None
    assert [criterion.met for criterion in judged(PULLS, 100)] == [False, True]  # at most 1.2, below 0.9
    to_thompson, opposed = judged(exchanged, 100)
    assert to_thompson.measured.startswith("0.67 [") and to_thompson.met is True
    assert opposed.measured.startswith("0.00 [") and opposed.met is True


def test_regret_adds_up_over_the_trials(arms):
    independent, opposed = bandit.regrets(arms).axes
    assert lines(independent)["frozen network"] == ([1, 2, 3, 4], [0.21875, 0.34375, 0.34375, 0.46875])
    assert lines(independent)["Thompson sampling"] == ([1, 2, 3, 4], [0.09375, 0.25, 0.28125, 0.3125])
    assert lines(opposed)["frozen network"] == ([1, 2, 3, 4], [0.25, 0.25, 0.25, 0.25])


def test_adaptation_is_the_share_of_pulls_of_the_better_arm_by_how_far_arms_are_apart(arms):
    hard, middling, easy = bandit.adaptation(arms).axes
    assert lines(hard)["frozen network"] == ([1, 2, 3, 4], [0.5, 0.0, 1.0, 1.0])
    assert lines(middling)["frozen network"] == ([1, 2, 3, 4], [0.0, 0.0, 1.0, 1.0])
    assert lines(easy)["frozen network"] == ([1, 2, 3, 4], [0.0, 1.0, 1.0, 0.0])
    titles = [axes.get_title(loc="left")[-7:] for axes in (hard, middling, easy)]
    assert titles == ["(n = 2)", "(n = 1)", "(n = 1)"]


def test_without_thompson_the_bandits_page_is_that_of_any_family(by_hand):
    alone = {place: array for place, array in of_arms(PULLS).items() if place.startswith("frozen")}
    page = bandit.page(by_hand(alone, **BANDIT))
    assert [drawing.name for drawing in page.drawings] == ["comparison", "by_trial", "learning_curve"]
    assert len(page.tables) == 1 and [row.cells[0] for row in page.tables[0].rows] == ["frozen network"] * 2


# Regression: two episodes of 22 samples; the error after k examples is k, save after 0, 1 and 20

Y = np.array([np.arange(22) % 3 - 1.0, np.arange(22) % 2 - 0.5])
MISSED = np.array([np.arange(22.0), np.arange(22.0)])
MISSED[:, 0], MISSED[:, 1], MISSED[:, 20] = 3, (2, -1), (-1, 1)


REGRESSION = {"name": "regression", "samples": 22, "sample_ms": 1}


def samples(frozen, y, **others):
    """Arrays of a result file by the predictions of each condition, (episodes, samples)."""
    predictions = {f"{name}/prediction": prediction for name, prediction in others.items()}
    predictions |= {"frozen/prediction": frozen, "ridge/prediction": y}
    return {"examples/y": y, "examples/episode_key": np.arange(len(y))} | predictions


def test_error_after_twenty_examples_over_that_after_one(by_hand):
    result = by_hand(samples(Y + MISSED, Y), function="linear", **REGRESSION)
    np.testing.assert_allclose(regression.squared_error(result["frozen"])[0, [0, 1, 2, 20, 21]], [9, 4, 4, 1, 441])
    ratio = regression.late_to_first(result["frozen"])
    assert ratio.value == pytest.approx(0.4) and ratio.n == 2  # (1 + 1) / (4 + 1); 1/4 and 1 by themselves
    assert (ratio.low, ratio.high) == pytest.approx((0.25, 1.0))


def test_a_short_episode_is_measured_after_its_last_example(by_hand):
    result = by_hand(samples(Y[:, :6] + MISSED[:, :6], Y[:, :6]), function="linear", **REGRESSION)
    assert regression.late_to_first(result["frozen"]).value == pytest.approx(10)  # (25 + 25) / (4 + 1)
    name, *cells = regression.by_examples(result).rows[0].cells
    assert (name, cells) == ("frozen network", ["2.5000", "4.0000", "25.0000", "–", "–", "–", "–"])


@pytest.mark.parametrize(("function", "met"), [("sine", False), ("quadratic", False), ("network", True)])
def test_the_bar_of_regression_is_that_of_its_function(by_hand, function, met):
    _, criterion = regression.page(by_hand(samples(Y + MISSED, Y), function=function, **REGRESSION)).criteria
    assert criterion.measured.startswith("0.400 [") and criterion.met is None  # of two episodes
    many, y = np.tile(Y + MISSED, (100, 1)), np.tile(Y, (100, 1))
    _, criterion = regression.page(by_hand(samples(many, y), function=function, **REGRESSION)).criteria
    assert criterion.measured.startswith("0.400 [") and criterion.met is met
    assert f"at most {0.5 if met else 0.25:g} of that after 1" in criterion.rule


def test_the_table_of_regression_lists_errors_by_the_examples_seen(by_hand):
    table = regression.by_examples(by_hand(samples(Y + MISSED, Y, zero=0 * Y), function="sine", **REGRESSION))
    assert table.head[1:6] == tuple(f"error after {n}" for n in (1, 2, 5, 10, 20))
    rows = {row.cells[0]: row.cells[1:] for row in table.rows}
    assert rows["frozen network"] == ["2.5000", "4.0000", "25.0000", "100.0000", "1.0000", "–", "–"]
    assert rows["ridge"][:5] == ["0.0000"] * 5
    assert rows["zero"][:5] == ["0.1250", "0.6250", "0.6250", "0.1250", "0.6250"]  # y: 0 1 1 0 1, then a half each
    assert rows["zero"][5] == "–"  # it has no direction


def test_likeness_is_of_predictions_after_five_examples_or_more(by_hand):
    own = [[100, 100, 100, 100, 100, 3, 0, 0], [100, 100, 100, 100, 100, 0, 4, 0]]
    other = [[-9, -9, -9, -9, -9, 3, 0, 0], [-9, -9, -9, -9, -9, 0, 0, 4]]
    predictions = {"gradient_descent_1": other, "zero": np.zeros((2, 8)), "least_squares": -np.array(own)}
    result = by_hand(samples(own, np.zeros((2, 8)), **predictions), function="sine", **REGRESSION)
    cosine, distance = regression.likeness(result["frozen"], result["gradient_descent_1"])
    assert cosine == pytest.approx(9 / 25) and distance == pytest.approx(np.sqrt(32 / 6))
    cosine, distance = regression.likeness(result["frozen"], result["least_squares"])
    assert cosine == pytest.approx(-1) and distance == pytest.approx(2 * 5 / np.sqrt(6))
    cosine, distance = regression.likeness(result["frozen"], result["zero"])
    assert np.isnan(cosine) and distance == pytest.approx(5 / np.sqrt(6))


def test_figures_of_regression_count_the_examples_seen(by_hand):
    result = by_hand(samples(Y + MISSED, Y, zero=0 * Y), function="sine", **REGRESSION)
    seen, error = lines(regression.errors(result).axes[0])["frozen network"]
    assert seen == list(range(22)) and (error[1], error[5], error[20], error[21]) == pytest.approx((2.5, 25, 1, 441))
    assert lines(regression.errors(result).axes[0])["ridge"][1][1] == regression.FLOOR
    apart = lines(regression.alike(result).axes[0])
    assert [apart["ridge"][1][k] for k in (1, 5, 20, 21)] == pytest.approx([np.sqrt(2.5), 5, 1, 21])
    assert [apart["the true y"][1][k] for k in (1, 5, 20, 21)] == pytest.approx([np.sqrt(2.5), 5, 1, 21])
    assert apart["zero"][1][2] == pytest.approx(np.sqrt((3**2 + 1.5**2) / 2))  # y + 2 is 3 and 1.5


# Store and recall: three episodes


RECALL = {"name": "store-recall", "duration_ms": 1000, "slot_ms": 10}


def recalls(*rows):
    """A table of recalls from (episode, delay in ms, right)."""
    table = np.zeros(len(rows), RECALL_DTYPE)
    table["episode"], table["delay_ms"], table["right"] = (list(column) for column in zip(*rows, strict=True))
    return table


FROZEN = recalls((0, 0, True), (0, 99, False), (1, 100, True), (2, 799, False), (2, 700, False), (2, 799, True))
RESET = recalls((0, 0, True), (0, 99, False), (1, 100, True), (2, 799, True), (2, 700, False))


def of_recalls(frozen, reset):
    """Arrays of a result file by the recalls of two conditions."""
    keys = np.arange(frozen["episode"].max() + 1)
    tables = {"frozen/recalls": frozen, "state_reset/recalls": reset}
    return tables | {"frozen/episode_key": keys, "state_reset/episode_key": keys}


@pytest.fixture
def recalled(by_hand):
    return by_hand(of_recalls(FROZEN, RESET), **RECALL)


def test_share_of_wrong_answers_is_that_of_all_recalls(recalled):
    assert recalled["frozen"].estimate("wrong")[::3] == (0.5, 3)  # 3 of 6; 1/2, 0 and 2/3 by episode
    assert recalled["state_reset"].estimate("wrong")[::3] == (0.4, 3)


def test_numbers_of_the_other_byte_order_are_read_alike(recalled, by_hand):
    swapped = by_hand(of_recalls(*(table.astype(table.dtype.newbyteorder(">")) for table in (FROZEN, RESET))), **RECALL)
    pandas.testing.assert_frame_equal(swapped["frozen"].trials, recalled["frozen"].trials)
    assert all(kind.isnative for kind in swapped["frozen"].trials.dtypes)


@pytest.mark.parametrize("value", ["$\\frac{", None, True, -1, 2**40, [10]])
def test_a_time_of_the_configuration_that_is_none_is_named(by_hand, value):
    result = by_hand(of_recalls(FROZEN, RESET), **RECALL | {"slot_ms": value})
    with pytest.raises(ResultError, match=r"attribute 'config', key task.slot_ms: must be a number in 0..1e\+09, is "):
        _ = result["frozen"].trials


def test_errors_by_delay_are_of_eight_bins(recalled):
    """Bins of 100 ms, empty ones left out. Wilson: 1 of 2 and 0 of 1; the last bin has 2 of 3."""
    first, second, last = store_recall.error_by_delay(recalled["frozen"])
    assert first == pytest.approx([0.0495, 0.5, 0.0945, 0.9055, 2], abs=1e-4)
    assert second == pytest.approx([0.1, 0, 0, 0.7935, 1], abs=1e-4)
    assert last == pytest.approx([0.766, 2 / 3, 0.2077, 0.9385, 3], abs=1e-4)


def test_store_and_recall_is_judged_by_its_errors(recalled, by_hand):
    page = store_recall.page(recalled)
    assert [values(row.cells)[0::3] for row in page.tables[0].rows] == [
        ["frozen network", "0.500"], ["frozen, state reset", "0.400"]
    ]  # fmt: skip
    unchanged, few, many = page.criteria
    assert unchanged.met and few.met is many.met is None  # below 5 %; at least 40 %: of 6 and 5
    assert few.measured.endswith("at the longest delays, mean 0.77 s, 0.667")

    def met(wrong, n):
        table = recalls(*((0, 100, k >= wrong) for k in range(n)))
        return [criterion.met for criterion in store_recall.criteria(by_hand(of_recalls(table, table), **RECALL))]

    assert met(0, 20) == [None, False]  # 0.95^20 = 0.36
    assert met(0, 200) == [True, False] and met(100, 200) == [False, True]
    assert met(10, 200) == [None, False]  # 5 % is not less than 5 %


def test_the_figure_of_delays_has_the_errors(recalled):
    axes = store_recall.delays(recalled).axes[0]
    delay, wrong = lines(axes)["frozen network"]
    assert delay == pytest.approx([0.0495, 0.1, 0.766]) and wrong == pytest.approx([0.5, 0, 2 / 3])
    assert lines(axes)["frozen, state reset"][1] == pytest.approx([0.5, 0, 0.5])
