"""The register of branches: no two uses of randomness share one, and none is named anywhere else."""

import ast
from pathlib import Path

import numpy as np
import pytest

from lsnn import seeds
from lsnn.errors import InputError
from lsnn.seeds import MOST_EPISODES, STUDY_BRANCH, TEST_BRANCH, Study, episode_keys
from runs.study.subject import study_generator

CLONE = Path(__file__).parents[1]
BRANCHES = {name: value for name, value in vars(seeds).items() if name.endswith("_BRANCH")}
OF_A_RUN = {name: value for name, value in BRANCHES.items() if name != "EPISODE_NOISE_BRANCH"}


def test_no_two_uses_share_a_branch():
    assert len(set(OF_A_RUN.values())) == len(OF_A_RUN) == 7
    assert len({int(number) for number in Study.__members__.values()}) == len(Study.__members__)
    assert Study.TAKEOVER != Study.MAZE_FAMILY  # both were 13


def test_no_two_branches_give_the_same_keys():
    keys = [episode_keys(3, branch, 0, 64) for branch in OF_A_RUN.values()]
    keys += [episode_keys(3, STUDY_BRANCH, number, 64) for number in Study]
    assert len(np.unique(keys)) == 64 * (len(OF_A_RUN) + len(Study))
    draws = [study_generator(3, number).random(8) for number in Study]
    assert len(np.unique(draws)) == 8 * len(Study)


@pytest.mark.parametrize("count", [MOST_EPISODES + 1, 10**9, 2**70, -1, 2.5])
def test_more_episodes_than_there_is_room_for_are_refused(count):
    with pytest.raises(InputError, match="number of episodes must be an integer from 0 to 1000000"):
        episode_keys(3, TEST_BRANCH, 0, count)


def spawn_keys():
    """File and expression of every spawn key that the program gives."""
    for package in ("lsnn", "tasks", "runs"):
        for path in sorted((CLONE / package).rglob("*.py")):
            for node in ast.walk(ast.parse(path.read_text())):
                if isinstance(node, ast.keyword) and node.arg == "spawn_key":
                    yield path.relative_to(CLONE).as_posix(), ast.unparse(node.value)


def test_every_spawn_key_begins_with_a_branch_of_the_register():
    """All but those of a random sweep, whose `draw_seed` is no seed of a run."""
    found = set(spawn_keys())
    own = {(path, text) for path, text in found if any(text.startswith(f"({name},") for name in BRANCHES)}
    assert found - own == {("lsnn/seeds.py", "(branch, iteration)"), ("runs/sweeps/spec.py", "(k, place)")}
    assert len(own) >= 4
