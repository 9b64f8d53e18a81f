"""Generalisation: the frozen network in geometries it was not trained on, and damaged."""

from collections.abc import Callable
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from lsnn.blocks import Block
from lsnn.kernels.layout import Weights
from lsnn.kernels.simd import LANES
from lsnn.seeds import STUDY_BRANCH, Study
from runs.study.subject import Findings, Item, Plan, Subject, intervene, run_blocks, study_keys
from tasks.water_maze import WaterMaze
from tasks.water_maze.baselines import best_circle, swim

RADII = (0.1, 0.15, 0.2, 0.3, 0.4, 0.5)
CIRCLES = (0.25, 0.4, 0.55, 0.7, 0.85)
BACKGROUND_HZ = (0.0, 5.0, 10.0, 20.0, 40.0)
DAMAGE = (0.0, 0.01, 0.02, 0.05, 0.1, 0.2)
SILENCED = (0.0, 0.01, 0.05, 0.1, 0.2, 0.5)
CIRCLE_TRIED_ON, CIRCLES_TRIED = 64, np.arange(0.1, 0.91, 0.05)
FOREVER = 1e9  # steps, in a refractory counter of single precision

Damage = Callable[[Weights, float, np.random.Generator], Weights]


class Point(NamedTuple):
    """The network in a maze, its weights or neurons damaged at random for every block of eight episodes."""

    curve: str
    value: float
    task: WaterMaze
    damage: Damage | None = None
    silenced: float = 0.0


def generalisation(subject: Subject, seed: int) -> Findings:
    """Visits along curves: platform radius, its distance from the centre, anywhere, place-cell noise, damage.

    Each point's own oracle and circling baseline stand beside it. Damage is drawn anew for every eight episodes.
    """
    keys, points = study_keys(seed, Study.GENERALISATION, subject.episodes), _points(subject.task)
    baselines: dict[WaterMaze, list[np.ndarray]] = {}
    visits = []
    for number, point in enumerate(points):
        plan = _plan(subject, point, (seed, Study.GENERALISATION, number))
        visits.append(np.concatenate(run_blocks(subject, keys, point.task, plan, visits_of(point.task))))
        pool = replace(point.task, encoder=subject.task.encoder)  # the scripted baselines see no input cells
        if pool not in baselines:
            baselines[pool] = baseline_visits(pool, keys)
    of_points = [baselines[replace(point.task, encoder=subject.task.encoder)] for point in points]
    curves = list(dict.fromkeys(point.curve for point in points))
    items = {
        "curve": Item(np.array([curves.index(point.curve) for point in points]), "1", "(point,): number of the curve"),
        "value": Item(np.array([point.value for point in points]), "of the curve", "(point,): what is varied"),
        "visits": Item(np.stack(visits), "1", "(point, episode): visits of the network"),
        "circling": Item(np.stack([each[0] for each in of_points]), "1", "(point, episode): visits of circling"),
        "oracle": Item(np.stack([each[1] for each in of_points]), "1", "(point, episode): visits of the oracle"),
        "draw": Item(np.arange(len(keys)) // LANES, "1", "(episode,): episodes that share one drawn damage"),
    }
    return Findings(items, {}, {"curves": curves, "trained_radius": subject.task.platform_radius})


def _points(task: WaterMaze) -> list[Point]:
    points = [Point("platform radius", r, replace(task, platform_radius=r)) for r in RADII]
    points += [Point("platform distance", c, replace(task, platform_circle=c)) for c in CIRCLES]
    points.append(Point("platform anywhere", task.platform_circle, replace(task, platform_anywhere=True)))
    if hasattr(task.encoder, "background_hz"):
        for hz in BACKGROUND_HZ:
            noisy = replace(task, encoder=replace(task.encoder, background_hz=hz))  # type: ignore[type-var]
            points.append(Point("place-cell noise", hz, noisy))
    points += [Point("synapses pruned", share, task, pruned) for share in DAMAGE]
    points += [Point("weights jittered", share, task, jittered) for share in DAMAGE]
    points += [Point("neurons silenced", share, task, silenced=share) for share in SILENCED]
    return points


def _plan(subject: Subject, point: Point, key: tuple[int, int, int]) -> Plan:
    weights, n_neurons = subject.weights, subject.network.config.n_neurons
    seed, experiment, number = key

    def plan(block: Block, episodes: slice) -> None:
        branch = np.random.SeedSequence(seed, spawn_key=(STUDY_BRANCH, experiment, 2, number, episodes.start))
        generator = np.random.default_rng(branch)
        silent = generator.choice(n_neurons, round(point.silenced * n_neurons), replace=False)
        block.state.refractory[silent] = FOREVER
        damaged = point.damage(weights, point.value, generator) if point.damage else weights
        intervene(subject, weights=damaged)(block, episodes)

    return plan


def pruned(weights: Weights, share: float, generator: np.random.Generator) -> Weights:
    """Input and recurrent synapses, a share of all of them chosen at random, set to zero."""
    return _each_synapse(weights, lambda w: np.where(generator.random(len(w)) < share, 0, w))


def jittered(weights: Weights, share: float, generator: np.random.Generator) -> Weights:
    """Every input and recurrent weight times 1 + share x a standard normal draw."""
    return _each_synapse(weights, lambda w: w * (1 + share * generator.standard_normal(len(w))))


def _each_synapse(weights: Weights, change: Callable[[np.ndarray], np.ndarray]) -> Weights:
    changed = [rows._replace(weight=change(rows.weight).astype(rows.weight.dtype))
               for rows in (weights.inputs, weights.recurrent)]  # fmt: skip
    return weights._replace(inputs=changed[0], recurrent=changed[1])


def visits_of(task: WaterMaze) -> Callable[[Block, slice], np.ndarray]:
    """Counts the visits of a block's episodes."""
    return lambda block, episodes: np.count_nonzero(
        block.trace.reward[:, : episodes.stop - episodes.start] > 0.5 * task.reward, axis=0
    )


def baseline_visits(task: WaterMaze, keys: np.ndarray) -> list[np.ndarray]:
    """Visits of circling, at its best radius, and of the oracle, each (E,)."""
    circle = best_circle(keys[:CIRCLE_TRIED_ON], task, CIRCLES_TRIED)
    rewards = [swim(name, keys, task, circle).reward for name in ("circling", "oracle")]
    return [np.count_nonzero(reward > 0.5 * task.reward, axis=1) for reward in rewards]


def wedge(subject: Subject, seed: int) -> Findings:
    """A network meta-trained without platforms in a wedge of angles, tested outside and inside it; keys are shared."""
    keys, visits, baselines = study_keys(seed, Study.WEDGE, subject.episodes), [], []
    for inside in (False, True):
        task = replace(subject.task, platform_in_wedge=inside)
        visits.append(np.concatenate(run_blocks(subject, keys, task, intervene(subject), visits_of(task))))
        baselines.append(baseline_visits(task, keys))
    items = {
        "visits": Item(np.stack(visits), "1", "(outside or inside the wedge, episode): visits of the network"),
        "circling": Item(np.stack([each[0] for each in baselines]), "1", "as visits, of circling"),
        "oracle": Item(np.stack([each[1] for each in baselines]), "1", "as visits, of the oracle"),
    }
    return Findings(items, {}, {"held_out_wedge": list(subject.task.held_out_wedge or ())})
