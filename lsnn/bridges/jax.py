"""A network as a function in JAX with a `custom_vjp`: `lsnn.jax.layer`. Needs jax, `pip install lsnn[jax]`."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from lsnn.bridges.layer import Layer
from lsnn.validation import require

Params = dict[str, Any]


def layer(network: Any, dtype: Any = np.float32, threads: int = 1) -> tuple[Callable[[Params, Any], Any], Params]:
    """A function from (params, inputs (samples, steps, cells)) to the readout, and the params to begin with.

    Inputs may be numbers of any size, zeros and ones for spikes. The function may stand within `jax.jit`, `jax.grad`
    and `jax.value_and_grad`; it calls back to the compiled network on the CPU, from rest with each sample.

    Args:
        network: of `lsnn.create`, `lsnn.fit` or `lsnn.load`, or a `lsnn.Circuit`, whose params are called as
            `lsnn.circuits.learning` has them, `weight/PROJECTION` and so on.
        dtype: float32, or float64 where JAX has it switched on.
        threads: that run at once.

    Raises:
        InputError: no network, or a precision that there is not.
    """
    own = Layer(network, dtype, threads)
    n_out = own.n_out

    def called(params: Params, x: Any) -> Any:
        shape = jax.ShapeDtypeStruct((*x.shape[:2], n_out), own.dtype)
        return jax.pure_callback(lambda p, v: own.forward(np.asarray(v), _plain(p)), shape, params, x)

    @jax.custom_vjp
    def readout(params: Params, x: Any) -> Any:
        return called(params, x)

    def forward(params: Params, x: Any) -> tuple[Any, tuple[Params, Any]]:
        return called(params, x), (params, x)

    def back(kept: tuple[Params, Any], slope: Any) -> tuple[Params, Any]:
        params, x = kept
        shapes = jax.tree.map(lambda part: jax.ShapeDtypeStruct(part.shape, part.dtype), (params, x))

        def host(p: Params, v: Any, s: Any) -> tuple[Params, np.ndarray]:
            of_inputs, of = own.back(np.asarray(v), _plain(p), np.asarray(s))
            return of, of_inputs

        return jax.pure_callback(host, shapes, params, x, slope)

    readout.defvjp(forward, back)
    start = {name: jnp.asarray(part) for name, part in own.weights().items()}

    def checked(params: Params, x: Any) -> Any:
        shape = np.shape(x)
        rule = f"numbers (samples, steps, cells) of {own.n_in} input cells"
        require(len(shape) == 3 and shape[2] == own.n_in and min(shape) > 0, "inputs", rule, shape)
        return readout(params, jnp.asarray(x, own.dtype))

    return checked, start


def _plain(params: Params) -> Params:
    return {name: np.asarray(array) for name, array in params.items()}
