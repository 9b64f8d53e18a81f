"""Networks in others' programs and formats, each imported by who uses it alone: PyTorch, JAX, NIR."""
