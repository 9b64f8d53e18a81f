"""A small network with signs, delays and parameters that learn, and sizes of samples for it."""

CELLS, STEPS, SAMPLES = 6, 14, 9
SETTINGS = {"n_excitatory": 8, "n_adaptive": 4, "n_inhibitory": 3, "dale": True, "connectivity": 0.6, "d_max_ms": 3,
            "input_gain": 4.0, "tau_out_ms": 10.0, "beta": 0.02, "tau_a_ms": 30.0,
            "learnt": "tau_m, beta, tau_out"}  # fmt: skip
