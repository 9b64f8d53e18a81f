"""What the outer loop of a run is made of: all that a checkpoint holds beside the network."""

from typing import NamedTuple

from lsnn import guards
from lsnn.learning.optimiser import Arrays


class LearnerState(NamedTuple):
    """What the outer loop needs to go on, beside the network, the configuration and the seed."""

    iteration: int
    level: float
    widest_at: int
    running_return: float
    adam_step: int
    first: Arrays  # moments of Adam, empty before the first update
    second: Arrays
    average: Arrays  # theta, readout and bias, averaged over the last iterations
    watch: guards.Watch = guards.Watch()
