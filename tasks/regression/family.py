"""Regression as a family: samples as trials, algorithms on the family's own basis as baselines."""

from collections.abc import Callable
from functools import lru_cache, partial

import numpy as np

from tasks.family import Baseline, Family, Latent, Measure, Played, Recording, Trace, require_every_acted, trials_over
from tasks.regression.baselines import ALGORITHMS, GRADIENT_STEPS, fit
from tasks.regression.environment import ENVIRONMENT
from tasks.regression.presets import PRESETS
from tasks.regression.task import COEFFICIENTS, N_LATENT, SAMPLE, STEP, Regression, X, Y, evaluate, last_steps, latent

PRACTICE = 1000  # episodes of meta-training on which the algorithms are tuned
TRIAL_DTYPE = np.dtype(
    [
        ("episode", np.int32),
        ("trial", np.int32),
        ("start_ms", np.int32),
        ("end_ms", np.int32),
        ("y", np.float64),
        ("prediction", np.float64),
        ("squared_error", np.float64),
    ]
)
COLUMNS = {
    "y": ("1", "value of the function"),
    "prediction": ("1", "y as predicted from the examples before"),
    "squared_error": ("1", "(prediction - y)^2"),
}
LABELS = {
    "sine": ("amplitude x cos phase", "amplitude x sin phase"),
    "quadratic": ("of x0^2", "of x1^2", "of x0 x1", "of x0", "of x1", "constant"),
    "network": ("f(0)", "df/dx0 at 0", "df/dx1 at 0"),
    "linear": ("of x0", "of x1", "of x2", "of x3", "of x4"),
}
BASELINES = {
    "zero": "zero",
    **{f"gradient_descent_{k}": f"{k} gradient step{'s' if k > 1 else ''}" for k in GRADIENT_STEPS},
    "linear_attention": "linear attention",
    "ridge": "ridge",
    "least_squares": "least squares",
}


def samples_table(task: Regression, y: np.ndarray, prediction: np.ndarray) -> np.ndarray:
    """A row a sample; y, prediction (E, samples)."""
    episodes, samples = y.shape
    table = np.empty(y.size, TRIAL_DTYPE)
    table["episode"], table["trial"] = np.repeat(np.arange(episodes), samples), np.tile(np.arange(samples), episodes)
    table["start_ms"] = table["trial"] * task.sample_ms
    table["end_ms"] = table["start_ms"] + task.sample_ms
    table["y"], table["prediction"] = y.ravel(), prediction.ravel()
    table["squared_error"] = (table["prediction"] - table["y"]) ** 2
    return table


def trials_of(task: Regression, states: np.ndarray, trace: Trace) -> np.ndarray:
    """The table of samples of recorded episodes."""
    read = last_steps(task)[: trials_over(trace, task.samples, task.sample_ms)]
    require_every_acted(trace, read)
    return samples_table(task, states[:, read, Y], trace.action[:, read, 0])


def hidden(task: Regression, states: np.ndarray) -> np.ndarray:
    """What sets the function of each episode apart, (E, latent); see `latent`."""
    found = np.zeros((len(states), N_LATENT[task.kind]))
    for state, row in zip(states[:, 0], found, strict=True):
        latent(task.kind, state[COEFFICIENTS:], row)
    return found


def misfit(task: Regression, latent: np.ndarray, trials: np.ndarray, states: np.ndarray) -> np.ndarray:
    """Squared error of each prediction against the function with these latent, (rows,); NaN for a network's.

    The latent of a network, of value and slopes at 0, do not tell its function.
    """
    if task.function == "network":
        return np.full(len(trials), np.nan)
    if task.function == "sine":  # a sin(x + p) = (a cos p) sin x + (a sin p) cos x
        x = states[:, X]
        y = latent[:, 0] * np.sin(x) + latent[:, 1] * np.cos(x)
    else:
        y = np.array([evaluate(task.kind, c, x) for c, x in zip(latent, states[:, X:COEFFICIENTS].copy(), strict=True)])
    return (trials["prediction"] - y) ** 2


def inputs(task: Regression, states: np.ndarray, trace: Trace) -> np.ndarray:
    """x at every step, (E, T, d)."""
    return states[:, :-1, X : X + task.dimensions]


def steps_to_sample(task: Regression, states: np.ndarray) -> np.ndarray:
    """Steps to the end of the sample, (n,)."""
    return np.maximum(1, task.sample_ms - states[:, STEP]).astype(int)


@lru_cache(maxsize=2)
def _fitted(task: Regression, keys: bytes) -> dict[str, Callable[[np.ndarray, np.ndarray], np.ndarray]]:
    return fit(task, *task.examples(np.frombuffer(keys, np.uint64)))


def played(name: str, task: Regression, keys: np.ndarray, practice: np.ndarray) -> Played:
    """The answers of one algorithm, tuned on episodes of meta-training."""
    x, y = task.examples(keys)
    return Played(samples_table(task, y, _fitted(task, practice.tobytes())[name](x, y)))


FAMILY = Family(
    task=Regression,
    trials=trials_of,
    measures=(Measure("squared_error", "squared error", format=".4f", better="low"),),
    title="Regression in context with frozen weights",
    question="Each episode has a function of its own, to be told from a stream of examples (x, y). No weight changes: "
    "what is known of the function is in the state.",
    columns=COLUMNS,
    history=(
        Measure("error", "squared error", format=".4f", better="low"),
        Measure("error_1", "after 1 example", format=".4f", better="low"),
        Measure("error_20", "after 20", format=".4f", better="low"),
    ),
    presets=PRESETS,
    baselines={
        name: Baseline(BASELINES[name], "nothing" if name == "zero" else "the prior", partial(played, name), PRACTICE)
        for name in ALGORITHMS
    },
    latent=Latent(lambda task: LABELS[task.function], "1", hidden, error=misfit),
    recordings={"x": Recording("1", "row t: x at step t", inputs)},
    trial_counter=SAMPLE,
    steps_to_trial=steps_to_sample,
    environment=ENVIRONMENT,
    episodes=1024,
)
