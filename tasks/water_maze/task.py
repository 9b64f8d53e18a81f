"""The water maze as a task: its keywords, their rules, its curriculum, and the measures of meta-training."""

import math
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from lsnn.configuration import NOTHING, documented, parameter
from lsnn.task import ActionKind, Encoder, Loss
from lsnn.validation import require, require_flag, require_integer, require_number
from tasks.encoders import MAZE_OBSERVATION, CuedPlaceCells, PlaceCells
from tasks.validation import require_encoder
from tasks.water_maze.dynamics import MOST_PLATFORMS, N_STATE, N_STATE_MANY

RADII = "pool radius"
EASIEST_START_RADIUS = 0.1  # of the curriculum
MOST_PLACES = 1_000_000  # of `distinct_platforms`


def latency_metrics(found: NDArray[np.bool_], acted: NDArray[np.bool_]) -> dict[str, float]:
    """Visits an episode and escape latency on the first, the second and later trials.

    A escape latency here is the steps spent searching on those trials, unfinished ones included, for each visit on them
    (the maximum-likelihood mean if the chance of a visit is the same in every step); infinite without a visit.

    Args:
        found: (episodes, steps), a visit in this step.
        acted: (episodes, steps), the animal searched in this step (it did not rest).
    """
    trial: NDArray[np.int32] = np.cumsum(found, axis=1, dtype=np.int32) - found
    measures = {"visits": float(np.count_nonzero(found) / len(found))}
    for name, chosen in (("first", trial == 0), ("second", trial == 1), ("later", trial > 1)):
        steps, visits = int(np.count_nonzero(acted & chosen)), int(np.count_nonzero(found & chosen))
        measures[f"{name}_latency_ms"] = steps / visits if visits else math.inf
    return measures


@documented
@dataclass(frozen=True)
class WaterMaze:
    """A family of water mazes; lengths in units of the pool's radius, times in ms.

    The defaults are the geometry of Bellec et al. (2018), as recalled.

    Raises:
        InputError: a value breaks its rule.
    """

    platform_radius: float = parameter(0.3, "radius of the platform", unit=RADII, source="recalled")
    platform_radius_min: float | None = parameter(
        None, "an episode's radius is uniform from it to `platform_radius`; none = always that", unit=RADII
    )
    platform_circle: float = parameter(
        0.85,
        "distance of the platform's centre from the pool's; with `platform_anywhere` the greatest one",
        unit=RADII,
        source="recalled",
    )
    platform_anywhere: bool = parameter(
        False,
        "the centre is uniform in the disc of radius `platform_circle`, not on the circle",
        unit=NOTHING,
        source="recalled",
    )
    held_out_wedge: tuple[float, float] | None = parameter(
        None, "no platform is centred in this wedge: from, to, counter-clockwise; none = no wedge", unit="degrees"
    )
    platform_in_wedge: bool = parameter(False, "instead, every platform is centred in that wedge", unit=NOTHING)
    distinct_platforms: int = parameter(
        0, "number of places that platforms have in all episodes together, spread evenly; 0 = no bound", unit="places"
    )
    start_radius: float = parameter(
        1.0,
        "the animal is released in the disc of this radius round the pool's centre, outside the platform",
        unit=RADII,
        source="recalled",
    )
    start_radius_min: float | None = parameter(
        None, "an episode's start radius is uniform from it to `start_radius`; none = always that", unit=RADII
    )
    rest_ms: int = parameter(1, "time on the platform after a visit begins", unit="ms", source="recalled")
    rest_ms_min: int | None = parameter(
        None, "an episode's rest is uniform from it to `rest_ms`; none = always that", unit="ms"
    )
    rest_each_trial: bool = parameter(False, "a rest for every trial in place of one for every episode", unit=NOTHING)
    dark_ms: int = parameter(
        0, "time between rest and release without any input of place or reward (retention)", unit="ms"
    )
    dark_ms_min: int | None = parameter(
        None, "a trial's dark is log-uniform from it to `dark_ms`; none = always that", unit="ms"
    )
    no_dark: float = parameter(0.0, "share of the trials without dark, where it is drawn")
    reversal_ms: int = parameter(
        -1, "time at which the platform moves, once, to a place that does not touch the old one; -1 = never", unit="ms"
    )
    reversal_ms_min: int | None = parameter(
        None,
        "an episode's reversal is uniform from it to `reversal_ms`, and never if beyond the end; none = always that",
        unit="ms",
    )
    platforms: int = parameter(
        1, f"number of platforms, at most {MOST_PLATFORMS}; with several each trial has one of them, told by a cue",
        unit="platforms",
    )  # fmt: skip
    platforms_min: int | None = parameter(
        None, "an episode's number is uniform from it to `platforms`; none = always that", unit="platforms"
    )
    cue_ms: int = parameter(
        20,
        "swimming time from release for which the cue of the trial's platform is shown; where the platform is reached "
        "before, on it as well",
        unit="ms",
    )
    probe_ms: int = parameter(-1, "time from which the platform is gone; -1 = never", unit="ms")
    rotation_degrees: float = parameter(
        0.0, "an episode's actions are turned by a fixed angle, uniform in +- this (motor adaptation)", unit="degrees"
    )
    speed: float = parameter(
        0.02, "distance swum in 1 ms by an action of norm 1", unit="pool radius/ms", source="recalled"
    )
    reward: float = parameter(1.0, "earned by reaching the platform", source="recalled")
    wall_penalty: float = parameter(0.02, "lost by running into the wall", source="recalled")
    duration_ms: int = parameter(2000, "length of an episode", unit="ms", source="recalled")
    encoder: Encoder = parameter(  # type: ignore[assignment]
        None,
        "how the observation becomes input spikes; none = `PlaceCells` or, with several platforms, `CuedPlaceCells`",
        unit=NOTHING,
    )

    name = "water-maze"
    dynamics = "tasks.water_maze.dynamics"
    action_kind: ClassVar[ActionKind] = "gaussian"
    loss: ClassVar[Loss] = "reward"
    n_action = 2
    n_target = 2
    renamed = {"blank_ms": "dark_ms"}  # keys of older files

    @property
    def cued(self) -> bool:
        """Whether a cue tells the platform of a trial: of several, or of one that is shown to cells for cues."""
        return self.platforms > 1 or isinstance(self.encoder, CuedPlaceCells)

    @property
    def n_state(self) -> int:
        """Numbers of a state: more with cues."""
        return N_STATE_MANY if self.cued else N_STATE

    @property
    def n_observation(self) -> int:
        """Numbers of an observation: those of the place and, with cues, a flag a cue."""
        return MAZE_OBSERVATION + (MOST_PLATFORMS if self.cued else 0)

    def __post_init__(self) -> None:
        self._check_platforms()
        self._check_geometry()
        self._check_times()
        require_number("speed", self.speed, 1e-6, 2.0)
        require_number("reward", self.reward, 1e-6)
        require_number("wall_penalty", self.wall_penalty, 0.0)
        rule = "less than half of the reward, so that a visit at the wall counts as one"
        require(self.wall_penalty < 0.5 * self.reward, "wall_penalty", rule, self.wall_penalty)
        require_number("rotation_degrees", self.rotation_degrees, 0.0, 180.0)
        if self.encoder is None:
            cells = CuedPlaceCells() if self.platforms > 1 else PlaceCells()  # type: ignore[unreachable]
            object.__setattr__(self, "encoder", cells)
        require_encoder(self.encoder, self.n_observation)

    def _check_platforms(self) -> None:
        require_integer("platforms", self.platforms, 1, MOST_PLATFORMS)
        if self.platforms_min is not None:
            require_integer("platforms_min", self.platforms_min, 1, self.platforms)
        require_integer("cue_ms", self.cue_ms, 1)
        require_integer("distinct_platforms", self.distinct_platforms, 0, MOST_PLACES)
        rule = "0 with several platforms or cues, or with one that moves"
        alone = self.distinct_platforms == 0 or not (self.cued or self.reversal_ms >= 0)
        require(alone, "distinct_platforms", rule, self.distinct_platforms)
        alone = not self.cued or self.reversal_ms < 0
        require(alone, "reversal_ms", "-1 with several platforms or cues, of which none moves", self.reversal_ms)

    def _check_geometry(self) -> None:
        require_number("platform_radius", self.platform_radius, 1e-3, 0.9)
        if self.platform_radius_min is not None:
            require_number("platform_radius_min", self.platform_radius_min, 1e-3, self.platform_radius)
        require_number("platform_circle", self.platform_circle, 0.0, 1.0)
        require_flag("platform_anywhere", self.platform_anywhere)
        require_number("start_radius", self.start_radius, 0.0, 1.0)
        if self.start_radius_min is not None:
            require_number("start_radius_min", self.start_radius_min, 0.0, self.start_radius)
        require_flag("platform_in_wedge", self.platform_in_wedge)
        if self.held_out_wedge is None:
            require(not self.platform_in_wedge, "platform_in_wedge", "false without held_out_wedge", True)
            return
        require(len(self.held_out_wedge) == 2, "held_out_wedge", "(from, to) in degrees", self.held_out_wedge)
        for angle in self.held_out_wedge:
            require_number("held_out_wedge", angle, -360.0, 360.0)
        width = (self.held_out_wedge[1] - self.held_out_wedge[0]) % 360.0
        require(width > 0.0, "held_out_wedge", "wider than 0 and narrower than 360 degrees", self.held_out_wedge)
        object.__setattr__(self, "held_out_wedge", tuple(self.held_out_wedge))

    def _check_times(self) -> None:
        require_integer("duration_ms", self.duration_ms, 1)
        require_integer("rest_ms", self.rest_ms, 1)
        if self.rest_ms_min is not None:
            require_integer("rest_ms_min", self.rest_ms_min, 1, self.rest_ms)
        require_flag("rest_each_trial", self.rest_each_trial)
        require_integer("dark_ms", self.dark_ms, 0)
        if self.dark_ms_min is not None:
            require_integer("dark_ms_min", self.dark_ms_min, 1, self.dark_ms)
        require_number("no_dark", self.no_dark, 0.0, 1.0)
        rule = "0 where dark_ms_min does not say that it is drawn"
        require(self.dark_ms_min is not None or self.no_dark == 0.0, "no_dark", rule, self.no_dark)
        require_integer("probe_ms", self.probe_ms, -1)
        require_integer("reversal_ms", self.reversal_ms, -1)
        require(self.reversal_ms != 0, "reversal_ms", "-1 (never) or at least 1", self.reversal_ms)
        if self.reversal_ms_min is not None:
            require_integer("reversal_ms_min", self.reversal_ms_min, 1, self.reversal_ms)

    def _platform_arc(self) -> tuple[float, float]:
        """Where the platform's angle may lie: start and length in radians."""
        if self.held_out_wedge is None:
            return 0.0, 2.0 * math.pi
        start, end = self.held_out_wedge
        if not self.platform_in_wedge:
            start, end = end, start
        return math.radians(start), math.radians((end - start) % 360.0)

    def shortest_pause(self, rest: NDArray[np.float64]) -> NDArray[np.float64]:
        """Steps from a visit to release at least; rest: that of each episode (where it is drawn once), any shape."""
        drawn = self.rest_each_trial and self.rest_ms_min is not None
        shortest = np.full_like(rest, self.rest_ms_min) if drawn else rest
        dark = self.dark_ms if self.dark_ms_min is None else self.dark_ms_min
        return shortest + (0 if self.no_dark > 0 else dark)

    def parameters(self) -> NDArray[np.float64]:
        """The numbers the compiled functions need, in the order of the index constants of `dynamics`."""

        def lowest(name: str) -> float:
            low = getattr(self, f"{name}_min")
            return getattr(self, name) if low is None else low

        return np.array(
            [
                lowest("platform_radius"),
                self.platform_radius,
                self.platform_circle,
                self.platform_anywhere,
                *self._platform_arc(),
                lowest("start_radius"),
                self.start_radius,
                math.radians(self.rotation_degrees),
                self.speed,
                self.reward,
                self.wall_penalty,
                lowest("rest_ms"),
                self.rest_ms,
                lowest("dark_ms"),
                self.dark_ms,
                lowest("reversal_ms"),
                self.reversal_ms,
                self.probe_ms,
                self.rest_each_trial,
                self.no_dark,
                lowest("platforms"),
                self.platforms,
                self.cue_ms if self.cued else 0,
                self.distinct_platforms,
            ],
            dtype=np.float64,
        )

    def at_difficulty(self, level: float) -> "WaterMaze":
        """Start regions that widen from the centre with the level: near it, a remembered direction is enough.

        An episode's start radius is uniform between w^2/start_radius and w, which grows from `EASIEST_START_RADIUS`
        to start_radius. Where the dark is drawn it is as short as can be until that is reached, at level 1/2; its
        greatest length grows from then on, by equal factors. The warm-up has the whole pool and the shortest dark.
        """
        if level >= 1.0:
            return self
        if self.dark_ms_min is None:
            return self._nearer_starts(level)
        longest = self.dark_ms_min * (self.dark_ms / self.dark_ms_min) ** max(0.0, 2.0 * level - 1.0)
        return replace(self, dark_ms=round(longest))._nearer_starts(2.0 * level)

    def _nearer_starts(self, level: float) -> "WaterMaze":
        if not 0.0 <= level < 1.0:
            return self
        easiest = min(EASIEST_START_RADIUS, self.start_radius)
        widest = easiest + level * (self.start_radius - easiest)
        nearest = widest * (widest / self.start_radius) if self.start_radius > 0 else 0.0  # in this order <= widest
        return replace(self, start_radius=widest, start_radius_min=nearest)

    def metrics(self, reward: NDArray[np.floating], acted: NDArray[np.bool_]) -> dict[str, float]:
        """Visits an episode, escape latencies, from reward and acted, both (episodes, steps); see `latency_metrics`."""
        return latency_metrics(np.asarray(reward) > 0.5 * self.reward, acted)
