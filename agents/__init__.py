"""Learners that are no spiking networks, on the same tasks: LSTM, GRU, rate network, transformers.

config.py: what an agent is and how it learns     networks.py, tem.py: cells (equinox)     decisions.py: a task step by
step of an agent     playing.py: episodes     losses.py: what is minimised     learner.py: the outer loop (optax)
files.py: agent files     matching.py: as many trainable parameters as a spiking network     backend.py: JAX

They need the extra `agents`; nothing of this package is imported unless an agent is asked for.
plastic/: agents whose weights learn while they act, which need no extra.
"""
