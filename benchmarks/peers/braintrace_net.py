"""BrainTrace: the network without delays in BrainState, learning forwards in time by `pp_prop`.

Its gradient is not that of BPTT: eligibility traces with an exponential memory are kept of what comes in and of what a
neuron does, and what a spike does by way of other neurons is left out. Memory does not grow with time. It has sparse
products but no delays of a synapse's own.
"""

from collections.abc import Callable
from importlib.metadata import version

import brainstate
import braintrace
import jax
import jax.numpy as jnp
import numpy as np

from benchmarks.peers.jax_scan import spike
from benchmarks.peers.problem import Problem, dense, of_synapses

DECAY = 0.95  # of the traces, a step


class Net(brainstate.nn.Module):
    """One step of all episodes: the inputs' spikes of the step before (E, n_in) to y (E, n_out)."""

    def __init__(self, problem: Problem, dtype: type):
        super().__init__()
        self.problem, self.dtype = problem, dtype
        self.alpha, self.beta = jnp.asarray(problem.alpha, dtype), jnp.asarray(problem.beta, dtype)
        n = problem.n_neurons
        weights = [dense(problem.inputs, problem.n_in, n, 1, dtype)[0], dense(problem.recurrent, n, n, 1, dtype)[0]]
        self.onto = self._layer(np.concatenate(weights))
        self.readout = self._layer(problem.readout)

    def _layer(self, weight: np.ndarray) -> braintrace.nn.Linear:
        layer = braintrace.nn.Linear(*weight.shape, b_init=None)
        layer.weight.value = {"weight": jnp.asarray(weight, self.dtype)}
        return layer

    def init_state(self, batch_size: int | None = None, **kwargs) -> None:
        """At rest."""
        shape = (batch_size or self.problem.episodes, self.problem.n_neurons)
        self.v = brainstate.HiddenState(jnp.zeros(shape, self.dtype))
        self.b = brainstate.HiddenState(jnp.zeros(shape, self.dtype))
        self.r = brainstate.HiddenState(jnp.zeros((shape[0], self.problem.n_out), self.dtype))
        self.blocked = brainstate.ShortTermState(jnp.zeros(shape, self.dtype))

    def fired(self):
        """z of the step before, by its state."""
        return jnp.where(self.blocked.value > 0, 0, spike(self.v.value - self.threshold(), self.problem.gamma))

    def threshold(self):
        """B."""
        return 1 + self.beta * self.b.value

    def update(self, x):
        """y of this step."""
        p, z = self.problem, self.fired()
        held = jnp.where(z > 0, p.refractory - 1, jnp.maximum(self.blocked.value - 1, 0))
        self.blocked.value = jax.lax.stop_gradient(held)
        self.v.value = self.alpha * self.v.value + self.onto(jnp.concatenate([x, z], axis=1)) - self.threshold() * z
        self.b.value = p.rho * self.b.value + (1 - p.rho) * z
        self.r.value = p.kappa * self.r.value + self.readout(self.fired())
        return self.r.value + jnp.asarray(p.bias, self.dtype)


class Online:
    """The whole of an episode, forwards."""

    def __init__(self, problem: Problem, dtype: type):
        self.problem = problem
        x, self.g = problem.input_spikes(dtype), jnp.asarray(problem.g(dtype))
        self.x = jnp.asarray(np.concatenate([np.zeros_like(x[:1]), x[:-1]]))  # what arrives after a step
        self.net = Net(problem, dtype)
        self.learner = braintrace.compile(
            self.net, braintrace.pp_prop, self.x[0], batch_size=problem.episodes, decay_or_rank=DECAY
        )
        self._run, self._learn = brainstate.transform.jit(self.run), brainstate.transform.jit(self.learn)
        self.facts = {"versions": {"braintrace": version("braintrace"), "jax": jax.__version__}}

    def at_rest(self) -> None:
        """Before the first step."""
        brainstate.nn.init_all_states(self.net, batch_size=self.problem.episodes)

    def run(self):
        """Spikes (T, E, N) and y (T, E, n_out)."""
        self.at_rest()

        def step(x):
            y = self.net.update(x)
            return self.net.fired() > 0, y

        return brainstate.transform.for_loop(step, self.x)

    def learn(self):
        """The gradients that `pp_prop` collects."""
        self.at_rest()
        self.learner.reset_state(batch_size=self.problem.episodes)
        loss = lambda x, g: jnp.sum(g * self.learner(x))  # noqa: E731
        return self.learner.etrace_grad(self.x, self.g, step_fn=loss, reduction="sum")

    def forward(self):
        """y of all episodes."""
        return jax.block_until_ready(self._run())

    def gradient(self) -> dict[str, np.ndarray]:
        """What stands for dL/d(weights), in the order of the problem's synapses."""
        found = jax.block_until_ready(self._learn())
        onto, readout = (next(np.asarray(a) for a in jax.tree.leaves(g)) for g in found.values())
        p = self.problem
        parts = {"inputs": (onto[: p.n_in], p.inputs), "recurrent": (onto[p.n_in :], p.recurrent)}
        return {name: of_synapses(g[None], synapses) for name, (g, synapses) in parts.items()} | {"readout": readout}

    def spikes(self) -> np.ndarray:
        """(T, E, N)."""
        return np.asarray(self._run()[0])


def models(problem: Problem, dtype: type) -> dict[str, Callable[[], Online]]:
    """The one form."""
    if dtype == np.float64:
        jax.config.update("jax_enable_x64", True)
    return {"pp_prop": lambda: Online(problem.without_delays(), dtype)}
