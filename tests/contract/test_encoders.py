"""What every encoder of the registry has to keep; those that the families' tasks and presets use are tried."""

import importlib

import numpy as np
import pytest

from lsnn.configuration import from_mapping, to_mapping
from tasks import registry
from tasks.experiment import preset
from tests.contract.driven import driven

KEY = np.uint64(99)


def used():
    """Encoder and task of every preset, each kind of encoder at least once."""
    for name in registry.names():
        for preset_name in registry.family(name).presets or ("compact",):
            task = preset(name, preset_name).task
            yield pytest.param(task, id=f"{name}-{preset_name}")


def test_every_kind_is_used_by_some_preset():
    assert {type(case.values[0].encoder).__name__ for case in used()} == set(registry.encoders())


@pytest.mark.parametrize("task", list(used()))
def test_an_encoder_goes_through_json_and_counts_its_cells(task):
    encoder = task.encoder
    assert from_mapping(type(encoder), to_mapping(encoder), "task.encoder") == encoder
    assert encoder.n_inputs == sum(size for _, size in encoder.channels) > 0
    assert all(name and size >= 0 for name, size in encoder.channels)
    assert len(encoder.low) == len(encoder.high) == encoder.n_observation  # the range of what it reads
    assert all(low < high for low, high in zip(encoder.low, encoder.high, strict=True))


@pytest.mark.parametrize("task", list(used()))
def test_spikes_follow_from_key_and_step_and_stay_within_bounds(task):
    encoder, module = task.encoder, importlib.import_module(task.encoder.module)
    encode, dynamics = getattr(module, encoder.function), importlib.import_module(task.dynamics)
    states, _ = driven(task, np.array([KEY]), 60)
    observation, total = np.zeros(task.n_observation), 0
    for t in range(60):
        dynamics.observe(states[0, t], task.parameters(), observation)
        buffers = np.zeros((2, encoder.n_inputs + 8), np.uint8)
        for buffer in buffers:
            encode(KEY, t, observation, encoder.parameters(), buffer[: encoder.n_inputs], np.uint8(4))
        np.testing.assert_array_equal(*buffers)
        assert not buffers[:, encoder.n_inputs :].any() and set(np.unique(buffers)) <= {0, 4}
        total += np.count_nonzero(buffers[0])
    assert total > 0
