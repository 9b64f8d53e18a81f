"""What presets of several families share; the presets themselves stand beside their family."""

from lsnn.network import NetworkConfig

# Ours, also of a family that has no preset: small and dense, no Dale's law and no rewiring.
SMALL = NetworkConfig(
    n_excitatory=40,
    n_inhibitory=10,
    n_adaptive=50,
    dale=False,
    rewire=False,
    connectivity=1.0,
    d_max_ms=1,
    tau_m_min_ms=20.0,
    tau_m_max_ms=20.0,
    recurrent_gain=0.4,
)
