"""What the outer loop does by the iteration alone, whoever learns: curriculum, learning rate, weight of the target."""

import numpy as np

from lsnn import guards
from lsnn.errors import InputError
from lsnn.learning.config import LearningConfig, first_level
from lsnn.task import Task


class OuterLoop:
    """Where meta-training stands: iteration, level of the curriculum, running return, what the guards remember."""

    def __init__(self, task: Task, learning: LearningConfig, seed: int) -> None:
        if learning.entropy_weight > 0 and task.action_kind == "none":
            rule = f"must be 0 where no policy acts, got {learning.entropy_weight!r}"
            raise InputError(f"learning.entropy_weight {rule}")
        self.task, self.learning, self.seed = task, learning, seed
        self.iteration, self.running_return = 0, 0.0
        self.level, self.widest_at, self.watch = first_level(learning), 0, guards.Watch()

    def present_task(self) -> Task:
        """The task at the present level of the curriculum."""
        return self.task.at_difficulty(self.level) if self.level < 1 else self.task

    def go_on_from(self, iteration: int, level: float, widest_at: int, running_return: float) -> None:
        """Take up a loop that was left."""
        self.iteration, self.level, self.widest_at, self.running_return = iteration, level, widest_at, running_return
        if not self.learning.curriculum and self.level < 1:  # switched off on the way
            self.level, self.widest_at = 1.0, self.iteration

    def target_weight(self) -> float:
        """1 for a supervised task; else the auxiliary readout's weight, falling linearly to 0 at `auxiliary_until`."""
        learning = self.learning
        if self.task.loss != "reward":
            return 1.0
        if learning.auxiliary_until <= 0:
            return learning.auxiliary_weight
        return learning.auxiliary_weight * max(0.0, 1 - self.iteration / learning.auxiliary_until)

    def learning_rate(self) -> float:
        """Constant while the curriculum widens, then falling by a cosine over `anneal_iterations`."""
        learning = self.learning
        if learning.anneal_iterations == 0 or self.level < 1:
            return learning.learning_rate
        part = min(1.0, (self.iteration - self.widest_at) / learning.anneal_iterations)
        low, high = learning.final_learning_rate, learning.learning_rate
        return float(low + (high - low) * 0.5 * (1 + np.cos(np.pi * part)))

    def average_rate(self) -> float:
        """Share of the newest weights in their running average."""
        return max(self.learning.average_rate, 1 / (self.iteration + 1))

    def counted_return(self, mean_return: float, acted: float) -> float:
        """What the curriculum goes by: the mean return or, with `curriculum_acting`, what it would have been, had the
        animals acted throughout (rest and dark, which the task sets, count for nothing); acted: the share of steps."""
        return mean_return / max(acted, 1e-3) if self.learning.curriculum_acting else mean_return

    def _advance_curriculum(self, mean_return: float) -> None:
        """Widen the task while the running mean of the return stays above the bar.

        Before that comes a warm-up (level -1) on the task itself, until the return shows that it can be explored.
        """
        learning = self.learning
        self.running_return += 0.1 * (mean_return - self.running_return)
        if self.level < 0 and self.running_return > learning.curriculum_warm_up:
            self.level = 0.0
        elif 0 <= self.level < 1 and self.running_return > learning.curriculum_bar:
            self.level = min(1.0, self.level + learning.curriculum_step)
            self.widest_at = self.iteration
