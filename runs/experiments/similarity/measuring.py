"""All learners measured, and the file of the experiment."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import h5py
import numpy as np

from lsnn.errors import InputError
from lsnn.files import store
from lsnn.files.folders import alone_in, output_folder
from lsnn.progress import meter, say
from lsnn.seeds import STUDY_BRANCH, Study
from runs.experiments.options import Asked, check_numbers
from runs.experiments.side_by_side import result_file
from runs.experiments.similarity.alike import BLOCK, Pair, alignment, beyond_input, decoded, moments_of, scaled
from runs.experiments.similarity.influence import RULES, influence_of_learner, influence_of_rules
from runs.experiments.similarity.learners import Learner, opened, states_of, with_random_weights
from runs.experiments.similarity.worlds import World, world_of

NAME = "similarity"
STEP = 0.2  # by which an example's y is moved up and down


def run(asked: Asked, paths: list[Path], repeats: int, influence_episodes: int) -> None:
    """Measure the learners of these files, write similarity.h5, draw similarity.png and tell of it.

    Raises:
        InputError: a bad number, learners that do not belong together, or a folder that holds these files already.
    """
    from analysis.similarity import show

    _check(asked, repeats, influence_episodes)
    trained = opened(paths)
    files = (f"{NAME}.h5", f"{NAME}.png")
    folder = output_folder(asked.out, "", files, asked.overwrite, paths)
    result, figure = (folder / file for file in files)
    with alone_in(folder):
        with _file(result, trained, asked) as (file, keys), meter() as shown:
            learners = [*trained, *map(with_random_weights, trained)]
            for done, what in _measure(file, learners, keys, asked, repeats, influence_episodes):
                shown.show(done, what)
        told = show(result, figure)
    say(f"{told}\nresult: {result}\nfigure: {figure}")


def _check(asked: Asked, repeats: int, influence_episodes: int) -> None:
    check_numbers(
        episodes=asked.episodes, threads=asked.threads, seed=asked.seed, repeats=repeats,
        influence_episodes=influence_episodes,
    )  # fmt: skip
    episodes = asked.episodes or 0
    if episodes % BLOCK or episodes < 2 * BLOCK:
        raise InputError(f"--episodes must be a multiple of {BLOCK} from {2 * BLOCK} on, got {episodes}")
    if repeats % 2:
        raise InputError(f"--repeats must be an even number, got {repeats}")
    if not 2 <= influence_episodes <= episodes:
        raise InputError(f"--influence-episodes must be from 2 to --episodes ({episodes}), got {influence_episodes}")


@contextmanager
def _file(path: Path, learners: list[Learner], asked: Asked) -> Iterator[tuple[h5py.File, np.ndarray]]:
    """The result file with its header, and the keys of its episodes."""
    first = learners[0]
    with result_file(NAME, path, first.experiment.as_mapping(), first.sha256, asked) as (file, keys):
        told = [
            {"kind": each.kind, "seed": each.seed, "file": each.path.name, "command": each.command,
             "sha256": each.sha256}
            for each in learners
        ]  # fmt: skip
        file.attrs.update(
            family=json.dumps({"name": first.task.name}),
            learners=json.dumps(told), step=STEP, block=BLOCK,
        )  # fmt: skip
        yield file, keys


def noise_keys(seed: int, repeats: int, episodes: int) -> np.ndarray:
    """Keys of the input's noise, (repeat, episode): of its own in each repeat, the same for every learner."""
    branch = np.random.SeedSequence(seed, spawn_key=(STUDY_BRANCH, Study.SIMILARITY, 1))
    return branch.generate_state(repeats * episodes, np.uint64).reshape(repeats, episodes)


def _measure(
    file: h5py.File, learners: list[Learner], keys: np.ndarray, asked: Asked, repeats: int, moved: int
) -> Iterator[tuple[float, str]]:
    """Fill the file; yields what share is done, and what was."""
    world, noise = world_of(learners[0].task, keys), noise_keys(asked.seed, repeats, len(keys))
    pairs, influences, regression = [], [], world.task.name == "regression"
    for number, each in enumerate(learners):
        pairs.append(_states(each, world, noise, asked.threads))
        if regression:
            y = world.task.examples(keys[:moved])[1]
            influences.append(influence_of_learner(each, world, y, noise[:, :moved], STEP, asked.threads))
        yield 0.9 * (number + 1) / len(learners), each.path.name
    if regression:
        _put_influences(file, world, keys[:moved], influences)
    _put_states(file, pairs, world)
    yield 1.0, "states"


def _states(learner: Learner, world: World, noise: np.ndarray, threads: int) -> Pair:
    """States with one half of the repeats and with the other, each a mean over its repeats."""
    if not learner.noisy:
        once = states_of(learner, world, noise[0], threads)
        return once, once
    half = len(noise) // 2
    one, other = (
        np.mean([states_of(learner, world, keys, threads) for keys in part], axis=0)
        for part in (noise[:half], noise[half:])
    )
    return one, other


def _put_influences(file: h5py.File, world: World, keys: np.ndarray, influences: list[np.ndarray]) -> None:
    x, y = world.task.examples(keys)
    rules = influence_of_rules(world.task, x, y, STEP)
    group = file.create_group("influence")
    group.attrs["rules"] = list(RULES)
    axes = "(., episode, answer, example)"
    store.put(group, "rules", rules, "1", f"{axes}: of the linear rules")
    for name, part in {"one": slice(0, None, 2), "other": slice(1, None, 2)}.items():
        halves = np.array([(each[part] if len(each) > 1 else each).mean(axis=0) for each in influences])
        store.put(group, name, halves.astype(np.float32), "1", f"{axes}: of each learner, half of its passes")


def _put_states(file: h5py.File, pairs: list[Pair], world: World) -> None:
    asking: list[Pair] = [(one[:, world.asked], other[:, world.asked]) for one, other in pairs]
    inputs = since_the_last(world)
    last = inputs[:, np.isin(world.paced, world.asked)]
    _put_alignment(file, "alignment", [scaled(pair) for pair in asking], "")
    _put_alignment(file, "alignment_beyond", [beyond_input(pair, last) for pair in asking], ", less the last input")
    group, states, known = file.create_group("decoding"), [each[0] for each in asking], world.known
    group.attrs.update(what=world.what, classes=int(world.classes))
    axes = "(decoder of, read from, episode): errors of decoders"
    error, beside = decoded(states, known, world.classes)
    store.put(group, "error", error, "1", axes)
    store.put(group, "beside", beside, "1", "(episode,): what errors are to be laid beside")
    elsewhere = np.roll(known, len(known) // 4, axis=0)
    shuffled = np.array([decoded([each], elsewhere, world.classes)[0][0, 0] for each in states])
    store.put(group, "error_shuffled", shuffled, "1", "(learner, episode): with what is known of other episodes")
    _put_dynamics(file, pairs, world, inputs)


def _put_alignment(file: h5py.File, name: str, pairs: list[Pair], beyond: str) -> None:
    """HSIC of states where an answer is asked for, and with the episodes of one side shuffled."""
    text = f"(block of episodes, learner, learner): HSIC of states{beyond}"
    store.put(file, name, alignment(pairs), "1", text)
    half = len(pairs[0][0]) // 2
    elsewhere: list[Pair] = [(one, np.roll(other, half, axis=0)) for one, other in pairs]
    store.put(file, f"{name}_shuffled", alignment(elsewhere), "1", f"{text}, one side's episodes shuffled")


def since_the_last(world: World) -> np.ndarray:
    """All that came in since the paced decision before, (E, P, u); of the first what an episode's end holds."""
    back = np.arange(world.paced[1] - world.paced[0])
    return world.inputs[:, world.paced[:, None] - back].reshape(len(world.inputs), len(world.paced), -1)


def _put_dynamics(file: h5py.File, pairs: list[Pair], world: World, inputs: np.ndarray) -> None:
    found = [moments_of((one[:, world.paced], other[:, world.paced]), inputs) for one, other in pairs]
    group = file.create_group("dynamics")
    for name, moments in zip(("same", "next"), zip(*found, strict=True), strict=True):
        text = f"(learner, block of episodes, component, component): moments of s_t with {name} s"
        store.put(group, name, np.array(moments), "1", text)
