"""The two-armed bandit as a Gymnasium environment, on the compiled dynamics of `tasks.bandit`."""

from typing import Any

import gymnasium
import numpy as np
from gymnasium.spaces import Discrete, MultiBinary
from gymnasium.vector import SyncVectorEnv
from numpy.typing import NDArray

from lsnn.validation import require, require_integer
from tasks.bandit.rendering import draw_bandit
from tasks.bandit.task import N_ARMS, N_STATE, P_FIRST, P_SECOND, TRIAL, Bandit, begin, observe, pull

RENDER_FPS = 4


class BanditEnv(gymnasium.Env[NDArray[np.int8], np.int64]):
    """
    ## Description
    Two arms that pay or do not, each with a probability of its own that has to be found out within an episode (Wang et
    al. 2018). One step is one pull; a network has `trial_ms` for it.

    ## Action Space
    `Discrete(2)`: the arm to pull.

    ## Observation Space
    `MultiBinary(4)`, the outcome of the pull before; all 0 at the start.

    | Num | Observation                      |
    |-----|----------------------------------|
    | 0   | the first arm was pulled, paid   |
    | 1   | the first arm was pulled, no pay |
    | 2   | the second was pulled, paid      |
    | 3   | the second was pulled, no pay    |

    `info` holds `key` (uint64, the episode's) and `probability` (what the arms pay).

    ## Transition Dynamics
    Whether an arm pays on a trial is a function of the key, the trial and the arm, so that all players meet the same
    luck.

    ## Reward
    1 if the arm paid, else 0.

    ## Starting State
    What the arms pay is uniform in [0, 1), independent or (`arms="anti_correlated"`) adding up to 1. It follows from
    the episode's key: `reset(options={"key": k})` sets it, `reset(seed=s)` seeds the draw of it.

    ## Episode End
    Never terminated; truncated after `trials` steps.

    ## Arguments
    `arms` and `trials` of `tasks.bandit.Bandit`:

        gymnasium.make("lsnn/Bandit-v0", arms="anti_correlated")

    `render_mode`: None or "rgb_array".

    ## Version History
    * v0: initial version
    """

    metadata: dict[str, Any] = {"render_modes": ["rgb_array"], "render_fps": RENDER_FPS}

    def __init__(self, arms: str = Bandit.arms, trials: int = Bandit.trials, render_mode: str | None = None) -> None:
        require(render_mode in (None, "rgb_array"), "render_mode", "None or 'rgb_array'", render_mode)
        self.render_mode = render_mode
        self.family = Bandit(arms=arms, trials=trials)
        self.observation_space = MultiBinary(2 * N_ARMS)
        self.action_space = Discrete(N_ARMS)
        self._key, self._state = np.uint64(0), np.zeros(N_STATE)

    def _observation(self) -> NDArray[np.int8]:
        observation = np.zeros(2 * N_ARMS)
        observe(self._state, self.family.parameters(), observation)
        return observation.astype(np.int8)

    def _info(self) -> dict[str, Any]:
        return {"key": self._key, "probability": self._state[[P_FIRST, P_SECOND]]}

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[NDArray[np.int8], dict[str, Any]]:
        """Begin an episode, from options["key"] if given, else from a key drawn from the environment's generator."""
        super().reset(seed=seed)
        for name in options or {}:
            require(name == "key", "an option of reset", "'key'", name)
        key = (options or {}).get("key")
        if key is None:
            key = self.np_random.integers(0, 2**64, dtype=np.uint64)
        require_integer("key", key, 0, 2**64 - 1)
        self._key = np.uint64(key)
        begin(self._key, self.family.parameters(), self._state)
        return self._observation(), self._info()

    def step(self, action: np.int64) -> tuple[NDArray[np.int8], float, bool, bool, dict[str, Any]]:
        """One pull; returns observation, reward, terminated, truncated, info."""
        require(bool(self.action_space.contains(action)), "action", f"an arm, 0..{N_ARMS - 1}", action)
        reward = float(pull(self._key, int(action), self._state))
        truncated = bool(self._state[TRIAL] >= self.family.trials)
        return self._observation(), reward, False, truncated, self._info()

    def render(self) -> NDArray[np.uint8] | None:
        """What the arms pay and the outcome of the last pull, (400, 400, 3); None without a render mode."""
        return draw_bandit(self._state) if self.render_mode == "rgb_array" else None


def vector_env(num_envs: int = 1, **keywords: Any) -> SyncVectorEnv:
    """Many bandits side by side, each with a seed of its own; keywords of `BanditEnv`."""
    require_integer("num_envs", num_envs, 1)
    return SyncVectorEnv([lambda: BanditEnv(**keywords)] * num_envs)
