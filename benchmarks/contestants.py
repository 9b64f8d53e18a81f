"""Who takes part, on which problem, and what each cannot express."""

from typing import NamedTuple


class Contestant(NamedTuple):
    """A form of a simulator; `module` and `variant` are those of `benchmarks.peers`."""

    module: str
    variant: str
    label: str
    delays: bool = False  # honours the delay of every synapse
    exact: bool = True  # computes what the engine computes, so that spikes and gradients must agree
    by_hand: bool = False  # its backward pass is not the simulator's own
    online: bool = False  # learns forwards in time, by another gradient than that of BPTT
    processes: int = 1  # of one core each, the episodes dealt out
    cannot: str = ""

    @property
    def name(self) -> str:
        """Key in the results."""
        return f"{self.module}.{self.variant}" + (f".{self.processes}_processes" if self.processes > 1 else "")


ENGINE = "engine"
IN_TWO = ", 2 processes"
NO_SPARSE = "sparse wiring (dense weights instead)"
NO_DELAYS = f"delays (1 ms instead); {NO_SPARSE}"

# Forward and backpropagation through time.
LEARNERS = (
    Contestant("jax_scan", "delay_history", "JAX scan, dense slices of the history", True, cannot=NO_SPARSE),
    Contestant("jax_scan", "delay_history", "JAX scan, dense slices" + IN_TWO, True, processes=2, cannot=NO_SPARSE),
    Contestant("jax_scan", "delay_pending", "JAX scan, dense slices sent ahead", True, cannot=NO_SPARSE),
    Contestant("jax_scan", "delay_pending", "JAX scan, sent ahead" + IN_TWO, True, processes=2, cannot=NO_SPARSE),
    Contestant("jax_scan", "delay_gather", "JAX scan, sparse gather over the history", True),
    Contestant("torch_eager", "delay_dense", "PyTorch eager, dense slices of the history", True, cannot=NO_SPARSE),
    Contestant("torch_eager", "delay_sparse", "PyTorch eager, CSR matrix over the history", True),
    Contestant(
        "torch_eager", "delay_sparse_backward", "PyTorch eager, CSR matrix, backward pass by hand", True, by_hand=True
    ),
    Contestant(
        "torch_eager", "delay_sparse_backward", "PyTorch, CSR, by hand" + IN_TWO, True, by_hand=True, processes=2
    ),
    Contestant("jax_scan", "dense", "JAX scan, dense", cannot=NO_DELAYS),
    Contestant("jax_scan", "dense", "JAX scan, dense" + IN_TWO, processes=2, cannot=NO_DELAYS),
    Contestant("jax_scan", "dense_after", "JAX scan, dense, dL/dW after it", cannot=NO_DELAYS),
    Contestant("jax_scan", "dense_after", "JAX, dense, dL/dW after" + IN_TWO, processes=2, cannot=NO_DELAYS),
    Contestant("torch_eager", "dense", "PyTorch eager, dense", cannot=NO_DELAYS),
    Contestant("torch_eager", "compiled", "PyTorch, torch.compile of 10 steps", cannot=NO_DELAYS),
    Contestant("torch_eager", "compiled", "PyTorch, torch.compile" + IN_TWO, processes=2, cannot=NO_DELAYS),
    Contestant(
        "norse_cell", "lsnn_cell", "Norse, LSNN cell", exact=False,
        cannot=f"{NO_DELAYS}; recurrent spikes take 2 ms; refractoriness; reset by the threshold (to rest instead)",
    ),
    Contestant(
        "snntorch_cell", "rleaky", "snnTorch, RLeaky with a moving threshold", exact=False,
        cannot=f"{NO_DELAYS}; refractoriness; adaptation of its own (kept beside it)",
    ),
    Contestant("spikingjelly_cell", "adaptive_node", "SpikingJelly, node of one's own", cannot=NO_DELAYS),
    Contestant(
        "braintrace_net", "pp_prop", "BrainTrace, pp_prop forwards in time", exact=False, online=True,
        cannot=f"BPTT (an approximation of its gradient instead); {NO_DELAYS}",
    ),
)  # fmt: skip

# Where all pairs are connected without delays, a dense product costs what it costs in W1: the fastest there are enough.
DENSE = tuple(peer for peer in LEARNERS if peer.variant in ("dense", "dense_after", "compiled"))

# Looked at and left out: name, version, why.
ABSENT = (
    (
        "eventax", "0.1.0",
        "steps of 1 ms and a surrogate derivative: it solves the membrane from event to event and differentiates the "
        "times of spikes, so that a neuron that does not fire has no gradient; with delays every synapse that a spike "
        "reaches is an event of its own, 2.2 million in an episode of W1",
    ),
)  # fmt: skip

# The frozen network alone.
FROZEN = (
    Contestant("brian", "runtime", "Brian2, runtime (Cython)", True),
    Contestant("brian", "standalone", "Brian2, C++ standalone", True),
    Contestant("brian", "standalone_threads", "Brian2, C++ standalone, 2 threads", True),
    Contestant("brian", "standalone_threads_float32", "Brian2, C++ standalone, 2 threads, float32", True, exact=False),
    Contestant("brian", "standalone", "Brian2, C++" + IN_TWO, True, processes=2),
    Contestant("brian", "standalone_float32", f"Brian2, C++{IN_TWO}, float32", True, exact=False, processes=2),
    Contestant(
        "nest_simulator", "eprop_iaf", "NEST, 2 threads", True, exact=False,
        cannot="reset by the adapted threshold (by b0 instead); no readout",
    ),
)  # fmt: skip

ONE_ANIMAL = Contestant("brian_closed_loop", "one_animal", "Brian2, runtime, one animal in closed loop", True)
