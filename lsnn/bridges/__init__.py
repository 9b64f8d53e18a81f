"""Networks in others' programs: `lsnn.bridges.pytorch`, `lsnn.bridges.jax`, each imported by who uses it alone."""
