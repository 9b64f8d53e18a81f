"""The gradient of the readout's decay."""

import numpy as np


def gradient_of_kappa(kappa: float, bias: np.ndarray, g_y: np.ndarray, y: np.ndarray, began: np.ndarray) -> float:
    """dL/dkappa of r[t] = kappa r[t-1] + W z[t], y = r + bias, with W as it is.

    Backwards in time, dL/dr[t] = dL/dy[t] + kappa dL/dr[t+1], and dL/dkappa = sum_t dL/dr[t] r[t-1].

    Args:
        bias: (n_out,); g_y: dL/dy, (T, n_out, 8); y: (T, n_out, 8) as recorded.
        began: (T, 8) bool, whether an episode began with a step beyond the first; what was before counts for nothing.
    """
    r = y - bias[:, None].astype(float)
    total, g_r = 0.0, np.zeros(r.shape[1:])
    for t in range(len(r) - 1, 0, -1):
        g_r = g_y[t] + kappa * g_r
        g_r = np.where(began[t], 0.0, g_r)
        total += float((g_r * r[t - 1]).sum())
    return total
