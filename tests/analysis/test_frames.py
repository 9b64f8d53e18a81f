"""The pandas and xarray views hold what the file holds."""

import numpy as np

from analysis.frames import episodes_dataset, trials_frame


def test_trials_are_rows_by_episode_and_trial(result):
    frozen = result.conditions["frozen"]
    frame = trials_frame(frozen)
    assert len(frame) == len(frozen.trials.trial)
    np.testing.assert_array_equal(frame["found"].groupby("episode").sum(), frozen.goals)
    assert frame.loc[(3, 0), "latency_ms"] == frozen.trials.latency_ms[
        (frozen.trials.episode == 3) & (frozen.trials.trial == 0)
    ]  # fmt: skip


def test_arrays_are_labelled_and_only_the_episodes_asked_for(result):
    frozen = result.conditions["frozen"]
    some = episodes_dataset(frozen, slice(2, 5))
    assert list(some.episode) == [2, 3, 4]
    path = some.position.sel(episode=4).values
    np.testing.assert_array_equal(path, frozen.position(4))
    assert some.position.attrs["units"] and some.attrs["condition"] == "frozen"
    finds = (some.reward > 0.5).sum("time_ms").values
    np.testing.assert_array_equal(finds, frozen.goals[2:5])
    assert "value" not in episodes_dataset(result.conditions["oracle"])
