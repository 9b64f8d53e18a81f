"""Decoding: states of many animals at given times since their last visit, from which the platform is to be read."""

from dataclasses import replace

import numpy as np

from lsnn.blocks import Block
from lsnn.kernels.simd import LANES
from lsnn.seeds import Study
from runs.study.subject import SPIKES, Findings, Item, Subject, run_blocks, slots_of, study_keys, with_sent
from tasks.water_maze.dynamics import DARK, ON_PLATFORM, PLATFORM_X, PLATFORM_Y, PROBE_STEP, WAIT, WALL, X, Y

LAGS_MS = (10, 25, 50, 100, 200, 400, 800, 1200)
FILTER_MS = 20.0
ANIMALS_PER_EPISODE = 4
ARMS, SINCE = ("swimming", "dark"), ("the last visit", "the last input")


def decoding(subject: Subject, seed: int, lags_ms: tuple[int, ...] = LAGS_MS) -> Findings:
    """States at some times since the last visit before half time, from when on there is none to be made.

    Arms: from half time on the animal swims on without a platform (`swimming`), or is held where no input cell fires
    (`dark`), so that nothing but the network's own activity can tell of places; there time counts from half time.
    """
    half, animals = subject.task.duration_ms // 2, ANIMALS_PER_EPISODE * subject.episodes
    keys = study_keys(seed, Study.DECODING, animals)
    task = replace(subject.task, duration_ms=half + max(lags_ms) + 1)
    weights, arms = subject.weights, []
    for arm in ARMS:

        def plan(block: Block, episodes: slice, arm: str = arm) -> None:
            block.roll_out(weights, subject.mean_action, half)
            if arm == "dark":
                lift_out(block)
            else:
                block.parameters[PROBE_STEP] = half
            block.roll_out(weights, subject.mean_action)

        def keep(block: Block, episodes: slice, arm: str = arm) -> tuple[np.ndarray, ...]:
            return _sample(block, episodes, half, lags_ms, dark=arm == "dark")

        kept = run_blocks(subject, keys, task, plan, keep, 0)
        arms.append([np.concatenate(arrays, axis=1) for arrays in zip(*(block[:-1] for block in kept), strict=True)])
    x, spikes, place = (np.stack(arrays) for arrays in zip(*arms, strict=True))
    platform = np.concatenate([block[-1] for block in kept])
    n = subject.network.config.n_neurons
    shape = "(arm, lag, animal, "
    items = {
        "lag_ms": Item(np.array(lags_ms), "ms", "time since what the attribute `since` names for each arm"),
        "v": Item(x[..., :n], "unit of b0", shape + "neuron): membrane potential at the threshold of the step"),
        **{
            name: Item(
                x[..., slots_of(subject.network, [name])],
                "of the model",
                shape + f"neuron that has it): {name} at the threshold of the step",
            )
            for name in subject.kept
        },
        "spikes": Item(with_sent(subject.network, spikes, x), "1/ms", shape + SPIKES),
        "place": Item(place, "pool radius", shape + "2): the animal's own place"),
        "platform": Item(platform, "pool radius", "(animal, 2): centre of the platform; NaN without a visit"),
    }
    return Findings(items, {}, {"arms": list(ARMS), "since": list(SINCE), "filter_ms": FILTER_MS, "kept": subject.kept})


def lift_out(block: Block) -> None:
    """From now on, and to the end of the record, no animal is in the pool: no input cell fires."""
    rest = block.steps - block.t + 1
    block.task_state[:, DARK] = rest
    block.task_state[:, WAIT] = rest
    block.task_state[:, [ON_PLATFORM, WALL]] = 0


def _sample(block: Block, episodes: slice, half: int, lags_ms: tuple[int, ...], dark: bool) -> tuple[np.ndarray, ...]:
    """State variables (lag, n, slots), filtered spikes (lag, n, N), place (lag, n, 2), platform (n, 2) of a block."""
    n = episodes.stop - episodes.start
    found = block.trace.task_state[1:, :, ON_PLATFORM] > 0
    arrived = found & ~np.vstack([np.zeros((1, LANES), bool), found[:-1]])
    platform = block.trace.task_state[0][:, [PLATFORM_X, PLATFORM_Y]].copy()
    last = np.array([np.flatnonzero(arrived[:half, lane])[-1:].sum() for lane in range(LANES)])
    platform[~arrived[:half].any(axis=0)] = np.nan
    since = np.full(LANES, half) if dark else last
    rows, lanes = since[:, None] + np.array(lags_ms), np.arange(LANES)[:, None]
    x, place = block.record.x[rows, :, lanes], block.trace.task_state[:, :, [X, Y]][rows, lanes]
    spikes = _filtered(block.record.spikes, rows)
    return tuple(a[:n].transpose(1, 0, 2).astype(np.float32) for a in (x, spikes, place)) + (platform[:n],)


def _filtered(spikes: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """sum_s exp(-(t-s)/FILTER_MS) z[s] / FILTER_MS over s <= t, at the rows (8, lags) of each lane; (8, lags, N)."""
    reach = int(6 * FILTER_MS)
    kernel = np.exp(-np.arange(reach) / FILTER_MS) / FILTER_MS
    filtered = np.zeros((*rows.shape, spikes.shape[1]))
    for lane, lag in np.ndindex(rows.shape):
        t = rows[lane, lag]
        recent = (spikes[max(0, t - reach + 1) : t + 1][::-1] >> lane) & 1
        filtered[lane, lag] = kernel[: len(recent)] @ recent
    return filtered
