"""What an answer or a state says of a hue: after the best rotation or reflection, and by a fitted decoder."""

import numpy as np
from numpy.typing import NDArray

from tasks.angle_recall.baselines import directions
from tasks.angle_recall.family import circular_deg

Array = NDArray[np.float64]

PENALTIES = 10.0 ** np.arange(-3.0, 5.0)  # of the decoder; that of the least leave-one-out error is taken


def best_turn(told: Array, shown: Array) -> tuple[int, float]:
    """Sign and offset (rad) with which sign * shown + offset is nearest to told on average, both (E,) in rad."""
    means = {sign: np.mean(np.exp(1j * (told - sign * shown))) for sign in (1, -1)}
    sign = max(means, key=lambda each: abs(means[each]))
    return sign, float(np.angle(means[sign]))


def turned_errors(fit_told: Array, fit_shown: Array, told: Array, shown: Array) -> Array:
    """Degrees (E,) between answers and hues, once the best rotation or reflection of other episodes is undone."""
    sign, offset = best_turn(fit_told, fit_shown)
    return circular_deg(np.degrees(told), np.degrees(sign * shown + offset))


def decoded_errors(fit_features: Array, fit_shown: Array, features: Array, shown: Array) -> Array:
    """Degrees (E,) between hues and what a ridge regression on other episodes reads from features (E, N)."""
    from sklearn.linear_model import RidgeCV

    mean, sd = fit_features.mean(axis=0), fit_features.std(axis=0)
    scale = np.where(sd > 0, sd, 1.0)
    decoder = RidgeCV(alphas=PENALTIES).fit((fit_features - mean) / scale, directions(fit_shown))
    read = decoder.predict((features - mean) / scale)
    return circular_deg(np.degrees(np.arctan2(read[:, 1], read[:, 0])), np.degrees(shown))
