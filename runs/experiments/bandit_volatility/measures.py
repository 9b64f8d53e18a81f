"""What is measured of a history on reversing arms, E episodes of K trials."""

from functools import partial
from typing import NamedTuple

import h5py
import numpy as np

import lsnn
from lsnn.estimates import Estimate, estimate
from lsnn.files import store
from lsnn.network import Network
from tasks.bandit import Bandit
from tasks.bandit.baselines import play, values_on
from tasks.bandit.task import last_steps

RATES = np.arange(1, 51) / 50  # of learning, tried
BIN = 10  # trials of a block in which one rate is fitted
WINS = 3  # in a row, before the first loss
BEFORE, AFTER = 3, 6  # trials shown round a reversal
AT_ONCE = 200  # episodes whose steps are kept at a time
TOLERANCE = 1e-9  # worths that differ by less are a tie
CALM, VOLATILE = 0, 1


class History(NamedTuple):
    """The arm pulled, 0 or 1, whether it paid, and how much rather it pulled the second arm, all (E, K).

    This preference is the difference of the two numbers of which the greater is pulled: of the logits of a network's
    policy, of the chances that the arms pay as the filter sees them, of the values of the delta rule.
    """

    choice: np.ndarray
    paid: np.ndarray
    preference: np.ndarray


class Hidden:
    """What the episodes of these keys hide: volatile and better, (E, K); place, the trial within its block, (K,)."""

    def __init__(self, task: Bandit, keys: np.ndarray) -> None:
        course = task.course(keys)
        self.volatile = course.volatile.astype(int)
        self.better = course.pays.argmax(axis=-1)
        self.block = task.block
        self.place = np.arange(task.trials) % task.block

    def settled(self) -> np.ndarray:
        """CALM or VOLATILE in the second half of each block, -1 in the first, (E, K)."""
        return np.where(self.place >= self.block // 2, self.volatile, -1)

    def bins(self) -> int:
        """Whole bins of a block."""
        return max(1, self.block // BIN)

    def changed(self) -> np.ndarray:
        """In blocks after one of the other kind CALM or VOLATILE x bins + the bin, -1 elsewhere, (E, K)."""
        found, trials = np.full(self.volatile.shape, -1), self.volatile.shape[1]
        for first in range(self.block, trials, self.block):
            other = self.volatile[:, first] != self.volatile[:, first - 1]
            own = slice(first, min(first + BIN * self.bins(), trials))
            cell = self.volatile[:, own] * self.bins() + np.minimum(self.place[own] // BIN, self.bins() - 1)
            found[:, own] = np.where(other[:, None], cell, -1)
        return found


def played_by(network: Network, task: Bandit, keys: np.ndarray, threads: int) -> History:
    """A frozen network's history; it pulls the arm that it takes for the likelier one."""
    parts = []
    for first in range(0, len(keys), AT_ONCE):
        record = lsnn.simulate(network, task, keys=keys[first : first + AT_ONCE], threads=threads)
        arm, paid = (record.trials[name].to_numpy().reshape(-1, task.trials) for name in ("arm", "paid"))
        logit = record.readout.sel(output=["action_0", "action_1"]).to_numpy()[:, last_steps(task)]
        parts.append((arm, paid, np.diff(logit, axis=-1)[..., 0]))
    return History(*map(np.concatenate, zip(*parts, strict=True)))


def baseline_played(name: str, task: Bandit, keys: np.ndarray, practice: np.ndarray) -> History:
    """The history of a baseline."""
    record = play(name, keys, task, practice)
    worth = values_on(name, task, record.choice, record.reward, practice)
    return History(record.choice, record.reward > 0, worth[..., 1] - worth[..., 0])


def evidence(history: History) -> np.ndarray:
    """1 where the outcome speaks for the second arm, 0 where it speaks for the first, (E, K)."""
    return np.equal(history.choice == 1, history.paid > 0).astype(float)


def values(evidence: np.ndarray, rate: float) -> np.ndarray:
    """The value of the second arm by a delta rule, before each trial, (E, K); 0.5 at first."""
    value = np.full(evidence.shape, 0.5)
    for trial in range(1, evidence.shape[1]):
        before = value[:, trial - 1]
        value[:, trial] = before + rate * (evidence[:, trial - 1] - before)
    return value


def sums(history: History, cells: np.ndarray, count: int) -> np.ndarray:
    """What least squares of the preference on the value needs of each cell: (E, count, RATES, 6).

    They are the sums of 1, x, y, xx, xy and yy over its trials; x is the value at that rate, y the preference.

    Args:
        cells: (E, K), the cell of each trial, -1 for none.
    """
    used, told, y = cells >= 0, evidence(history), history.preference
    place = (np.arange(len(cells))[:, None] * count + cells)[used]

    def total(array: np.ndarray) -> np.ndarray:
        return np.bincount(place, array[used], minlength=len(cells) * count).reshape(-1, count)

    alone, found = (np.ones_like(y), y, y * y), np.empty((len(cells), count, len(RATES), 6))
    found[..., [0, 2, 5]] = np.stack([total(each) for each in alone], axis=-1)[:, :, None]
    for i, rate in enumerate(RATES):
        x = values(told, rate)
        found[:, :, i, [1, 3, 4]] = np.stack([total(each) for each in (x, x * x, x * y)], axis=-1)
    return found


def explained(sums: np.ndarray) -> np.ndarray:
    """Share of the variance of the preference that the value explains: (..., 6) to (...)."""
    n, x, y, xx, xy, yy = np.moveaxis(sums, -1, 0)
    n = np.maximum(n, 1.0)
    below = np.maximum((xx - x * x / n) * (yy - y * y / n), 1e-12)
    return (xy - x * y / n) ** 2 / below


def best_rate(explained: np.ndarray) -> np.ndarray:
    """The rate that explains most, (..., RATES), between those tried by a parabola: (...)."""
    top = np.clip(explained.argmax(axis=-1), 1, len(RATES) - 2)
    left, middle, right = (np.take_along_axis(explained, top[..., None] + at, -1)[..., 0] for at in (-1, 0, 1))
    bend = left - 2.0 * middle + right
    shift = np.divide(0.5 * (left - right), bend, out=np.zeros_like(bend), where=bend < 0.0)
    return RATES[top] + np.clip(shift, -1.0, 1.0) * (RATES[1] - RATES[0])


class Rates(NamedTuple):
    """The learning rate of each cell; those of the second half of the cells minus those of the first half."""

    rate: list[Estimate]
    rise: list[Estimate]
    explained: np.ndarray


def rates(history: History, cells: np.ndarray, count: int) -> Rates:
    """The rate of the delta rule whose value explains most of the preference, cell by cell."""
    total = sums(history, cells, count)

    def of(cell: int, weights: np.ndarray) -> np.ndarray:
        episodes = total[:, cell].reshape(len(total), -1)
        return best_rate(explained((weights @ episodes).reshape(*weights.shape[:-1], len(RATES), 6)))

    def rise(cell: int, weights: np.ndarray) -> np.ndarray:
        return of(half + cell, weights) - of(cell, weights)

    n, half = len(total), count // 2
    alone = [estimate(partial(of, cell), n) for cell in range(count)]
    apart = [estimate(partial(rise, cell), n) for cell in range(half)]
    return Rates(alone, apart, explained(total.sum(axis=0)).max(axis=-1))


def leaves(history: History, kind: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """How often an arm is left after a loss that follows WINS wins on it, and how often it could be, (E, kinds) both.

    Args:
        kind: (E, K) CALM or VOLATILE, -1 where a loss does not count.
    """
    choice, paid, trials = history.choice, history.paid > 0, history.choice.shape[1]
    at = slice(WINS, trials - 1)
    lost = ~paid[:, at]
    for back in range(1, WINS + 1):
        before = slice(WINS - back, trials - 1 - back)
        lost &= paid[:, before] & (choice[:, before] == choice[:, at])
    left = choice[:, WINS + 1 :] != choice[:, at]
    cells = [lost & (kind[:, at] == each) for each in (CALM, VOLATILE)]
    found = [np.stack([(cell & what).sum(axis=1) for cell in cells], axis=1) for what in (left, lost)]
    return found[0], found[1]


def round_reversal(history: History, hidden: Hidden) -> tuple[np.ndarray, np.ndarray]:
    """Choices of the arm that is the better one after a reversal, from BEFORE trials before it to AFTER after it.

    Reversals with another one in this window, or a border of blocks, are left out.

    Returns:
        counts (E, kinds, BEFORE + AFTER + 1) and the number of reversals (E, kinds).
    """
    episodes, trials = history.choice.shape
    turned = np.diff(hidden.better, axis=1) != 0
    count = np.zeros((episodes, 2, BEFORE + AFTER + 1), np.int64)
    number = np.zeros((episodes, 2), np.int64)
    for episode, trial in np.argwhere(turned) + (0, 1):
        window = slice(trial - BEFORE, trial + AFTER + 1)
        inside = window.start >= 0 and window.stop <= trials
        if not inside or hidden.place[trial] < BEFORE or hidden.place[trial] + AFTER >= hidden.block:
            continue
        if turned[episode, window.start : window.stop - 1].sum() > 1:
            continue
        kind = hidden.volatile[episode, trial]
        count[episode, kind] += history.choice[episode, window] == hidden.better[episode, trial]
        number[episode, kind] += 1
    return count, number


# Into the file


def _bounds(estimates: list[Estimate]) -> np.ndarray:
    return np.array([each[:3] for each in estimates])


def put_player(parent: h5py.Group, name: str, history: History, hidden: Hidden) -> h5py.Group:
    """The group of a network or a baseline, with what is measured of all of them."""
    group, bounds = parent.create_group(name), "value and 95 % bounds over episodes"
    found = rates(history, hidden.settled(), 2)
    store.put(group, "rate", _bounds(found.rate), "1", f"(calm, volatile; ...): learning rate, {bounds}")
    store.put(group, "rise", _bounds(found.rise), "1", f"(1; ...): volatile - calm, {bounds}")
    words = "(calm, volatile): variance of the preference that the delta rule explains"
    store.put(group, "explained", found.explained, "1", words)
    course = best_rate(explained(sums(history, hidden.changed(), 2 * hidden.bins()).sum(axis=0)))
    words = "(into a calm, a volatile block; bin of trials): learning rate"
    store.put(group, "course", course.reshape(2, hidden.bins()), "1", words)
    left, could = leaves(history, hidden.settled())
    store.put(group, "left", left, "1", "(episode; calm, volatile): arms left after a first loss")
    store.put(group, "could_leave", could, "1", "(episode; calm, volatile): first losses after three wins")
    count, number = round_reversal(history, hidden)
    store.put(
        group, "after_reversal", count, "1", "(episode; calm, volatile; trial from -3 to 6): choices right from 0 on"
    )
    store.put(group, "reversals", number, "1", "(episode; calm, volatile): reversals with no other near")
    store.put(group, "paid", (history.paid > 0).sum(axis=1), "1", "(episode,): trials that paid")
    return group


def put_agreement(group: h5py.Group, name: str, history: History, worth: np.ndarray) -> None:
    """How often a network does what a baseline would have done of its history."""
    decided = np.abs(worth[..., 1] - worth[..., 0]) > TOLERANCE
    agreed = (worth.argmax(axis=-1) == history.choice) & decided
    store.put(group, f"agrees_{name}", agreed.sum(axis=1), "1", "(episode,): choices that are worth more to it")
    store.put(
        group, f"decided_{name}", decided.sum(axis=1), "1", "(episode,): choices of which one is worth more to it"
    )
