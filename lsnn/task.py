"""What a task must offer for a network to be meta-trained on it.

`lsnn` knows no task: it meets one through these two protocols and through compiled functions found by name.

The module named by `Task.dynamics` holds four functions compiled with numba, called once an episode and step with
scalars and one-dimensional float64 arrays, which they fill without allocating. Every draw in them is a pure function of
the episode's key (`lsnn.kernels.draws`), so whoever calls them sees the same episode:

    begin(key, parameters, state)                      the state before step 0
    observe(state, parameters, observation)            what the encoder is given at this step
    transition(key, t, action, parameters, state)      moves the state through step t under the (unclipped) action;
        -> (reward, acted, terminated)                 `acted` is False when the action could not matter
    target(state, parameters, target) -> weight        what an auxiliary or a supervised readout should say at this
                                                       step, from the state before it; weight 0 = nothing now

What is compiled is kept on disk under all that it depends on, the functions and constants of other modules included
(`lsnn.kernels.dependencies`); numba's own `cache=True` sees changes in one file alone and is replaced where it is met.

The module named by `Encoder.module` holds the compiled function `Encoder.function`:

    encode(key, t, observation, parameters, spikes, bit)

For each input cell i that spikes in step t it does `spikes[i] |= bit`: `spikes` (uint8, n_inputs) holds eight
episodes side by side, one a bit.
"""

from typing import Literal, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

ActionKind = Literal["gaussian", "categorical", "none"]
Loss = Literal["reward", "target", "class"]


@runtime_checkable
class Encoder(Protocol):
    """Turns an observation into the spikes of input cells."""

    @property
    def module(self) -> str:
        """Name of the Python module that holds the compiled function."""

    @property
    def function(self) -> str:
        """Name of the compiled function in that module."""

    @property
    def n_observation(self) -> int:
        """Numbers in the observation that it reads: those of the task."""

    @property
    def n_inputs(self) -> int:
        """Number of input cells."""

    @property
    def channels(self) -> tuple[tuple[str, int], ...]:
        """Kinds of input cells in order: (name, number of cells); the numbers add up to `n_inputs`."""

    def parameters(self) -> NDArray[np.float64]:
        """The numbers the compiled function needs, as one vector."""


@runtime_checkable
class Task(Protocol):
    """A family of environments; an episode's key picks the member."""

    @property
    def name(self) -> str:
        """Name of the family on the command line."""

    @property
    def dynamics(self) -> str:
        """Name of the Python module that holds begin, observe, transition and target."""

    @property
    def encoder(self) -> Encoder:
        """How an observation enters the network."""

    @property
    def action_kind(self) -> ActionKind:
        """How the readout acts: a Gaussian around its mean, one of several choices, or none.

        With none the loss is "target" or "class" and the action handed to `transition` is the target readout itself,
        so that the task can score the answer: its first `n_action` numbers, of `n_target`.
        """

    @property
    def loss(self) -> Loss:
        """What meta-training minimises.

        "reward": the policy loss of earned reward. "target": the squared distance of the target readout to the target.
        "class": the cross-entropy of the target, which is the probabilities of classes and adds up to 1, under the
        softmax of the target readout.
        """

    @property
    def duration_ms(self) -> int:
        """Length of an episode; it is then truncated, not terminated.

        Where the loss is "reward", the value read out in the last step stands for all that would have followed, so
        what is decided, earned or terminated in that step itself does not count: make the episode a step longer.
        """

    @property
    def n_action(self) -> int:
        """Numbers in an action (or choices, if categorical; or numbers in an answer, if none)."""

    @property
    def n_state(self) -> int:
        """Numbers in a state."""

    @property
    def n_observation(self) -> int:
        """Numbers in an observation."""

    @property
    def n_target(self) -> int:
        """Numbers in a target; 0 if there is none."""

    def parameters(self) -> NDArray[np.float64]:
        """The numbers the compiled functions need, as one vector."""

    def metrics(self, reward: NDArray[np.floating], acted: NDArray[np.bool_]) -> dict[str, float]:
        """Measures of progress for the history of meta-training, from reward and acted, both (episodes, steps)."""

    def at_difficulty(self, level: float) -> "Task":
        """The task early in a curriculum: 0 is the easiest form, 1 the task itself, -1 that of the warm-up.

        Many tasks warm up on themselves: they return themselves for a level below 0.
        """
