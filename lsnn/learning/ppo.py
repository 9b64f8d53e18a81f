"""PPO (Schulman et al. 2017) at the readout: losses as functions of y, with their gradients written out.

Arrays are (T, ..., 8) of one block. A mean is a sum over steps divided by `count`: the number of those in which an
animal of the batch acted or, where no action is learnt, the weight of the targets. Values and targets have terms at
rest, too.
"""

import numpy as np


def gaussian_log_likelihood(action: np.ndarray, mean: np.ndarray, log_std: np.ndarray) -> np.ndarray:
    """log N(action; mean, exp(log_std)), summed over the action's axis 1; (T, A, 8), log_std or one that broadcasts."""
    z = (action - mean) * np.exp(-log_std)
    return np.sum(-0.5 * z * z - log_std - 0.5 * np.log(2 * np.pi), axis=1)


def gaussian_score(action: np.ndarray, mean: np.ndarray, log_std: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """d log-likelihood / d mean and / d log_std, each (T, A, 8)."""
    z = (action - mean) * np.exp(-log_std)
    return z * np.exp(-log_std), z * z - 1


def bounded(y: np.ndarray, norm: float) -> np.ndarray:
    """Means (T, A, 8) longer than `norm` scaled back to it; 0 = as they are."""
    if norm == 0:
        return y
    length = np.sqrt(np.sum(y * y, axis=1, keepdims=True))
    return y * np.minimum(1.0, norm / np.maximum(length, 1e-12))


def bounded_gradient(g: np.ndarray, y: np.ndarray, norm: float) -> np.ndarray:
    """dL/dy from g = dL/d bounded(y), all (T, A, 8): where it was scaled back, the part across y, times norm/|y|."""
    if norm == 0:
        return g
    length = np.maximum(np.sqrt(np.sum(y * y, axis=1, keepdims=True)), 1e-12)
    unit = y / length
    across = (g - unit * np.sum(g * unit, axis=1, keepdims=True)) * (norm / length)
    return np.where(length > norm, across, g)


def softmax(logits: np.ndarray) -> np.ndarray:
    """Probabilities over axis 1."""
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)


def categorical_log_likelihood(action: np.ndarray, logits: np.ndarray) -> np.ndarray:
    """log p(action), (T, 8); action (T, 8) holds class numbers, logits (T, A, 8)."""
    p = softmax(logits)
    return np.log(np.take_along_axis(p, action[:, None].astype(np.intp), axis=1)[:, 0])


def categorical_score(action: np.ndarray, logits: np.ndarray) -> np.ndarray:
    """d log p(action) / d logits, (T, A, 8)."""
    chosen = action[:, None] == np.arange(logits.shape[1])[None, :, None]
    return chosen - softmax(logits)


def categorical_entropy_slope(logits: np.ndarray) -> np.ndarray:
    """d H / d logits of the entropy H = -sum p log p, (T, A, 8): -p (log p + H)."""
    p = softmax(logits)
    log_p = np.log(np.maximum(p, np.finfo(p.dtype).tiny))
    return -p * (log_p - np.sum(p * log_p, axis=1, keepdims=True))


def clipped_weight(log_ratio: np.ndarray, advantage: np.ndarray, clip: float) -> np.ndarray:
    """d min(r A, clip(r, 1 - c, 1 + c) A) / d log r: r A where the clip is idle, 0 where it holds."""
    ratio = np.exp(log_ratio)
    held = ((advantage > 0) & (ratio > 1 + clip)) | ((advantage < 0) & (ratio < 1 - clip))
    return np.where(held, 0.0, ratio * advantage)


def value_gradient(v: np.ndarray, v_target: np.ndarray, weight: float, count: float) -> np.ndarray:
    """d/dv of weight/2 mean (v - v_target)^2."""
    return weight * (v - v_target) / count


def target_gradient(y: np.ndarray, target: np.ndarray, target_weight: np.ndarray, weight: float, count: float):
    """d/dy of weight mean target_weight |y - target|^2; y, target (T, K, 8), target_weight (T, 8)."""
    return 2 * weight * target_weight[:, None] * (y - target) / count


def class_gradient(y: np.ndarray, target: np.ndarray, target_weight: np.ndarray, weight: float, count: float):
    """d/dy of weight mean target_weight (- sum_k target_k log softmax(y)_k); shapes as in `target_gradient`."""
    p = softmax(y.astype(float)) * target.sum(axis=1, keepdims=True)
    return weight * target_weight[:, None] * (p - target) / count
