"""Agents that keep what they learn in weights, beside networks that keep it in their state. No JAX, no training file.

actor_critic.py: Foster, Morris & Dayan (2000), and pool.py: their task     btsp.py: plasticity at the time scale of
behaviour, on a track and as a goal field     one_shot.py: a one-shot map after Kumar et al. (2021)     playing.py: an
agent in the water maze, with its weights or its activity reset     foster.py: the actor-critic in it
"""
