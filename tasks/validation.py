"""Checks of what a user hands to a task, beyond those of `lsnn.validation`."""

from lsnn.task import Encoder
from lsnn.validation import require


def require_encoder(encoder: object, n_observation: int) -> None:
    """Raise InputError unless it is an encoder of observations of this length."""
    require(isinstance(encoder, Encoder), "encoder", "an encoder (tasks.encoders)", encoder)
    numbers = encoder.n_observation  # type: ignore[attr-defined]
    rule = f"one of {n_observation} numbers, as the observation has (this one reads {numbers})"
    require(numbers == n_observation, "encoder", rule, encoder)
