"""Which parameters of a network learn, as its configuration names them."""

import re

from lsnn.errors import InputError
from lsnn.neurons import NeuronModel

TAU_OUT = "tau_out"  # the time constant of the readout, which no neuron model holds
SHARED = "(shared)"  # one value for a population, as the flag of Brian2


def parameters_learnt(text: str | None) -> dict[str, bool]:
    """Each parameter that learns, and whether the neurons of a population share its value.

    Raises:
        InputError: a name that is none, or that occurs twice.
    """
    found: dict[str, bool] = {}
    for part in filter(None, map(str.strip, (text or "").split(","))):
        name = part.removesuffix(SHARED).strip()
        if not re.fullmatch(r"[A-Za-z]\w*", name, re.ASCII) or name in found:
            rule = f"must be names with commas between, each once, some with {SHARED} behind"
            raise InputError(f"network.learnt {rule}, got {text!r:.200}")
        found[name] = part.endswith(SHARED) or name == TAU_OUT
    return found


def has_parameter(model: NeuronModel, name: str) -> bool:
    """Whether a model declares a `(constant)` parameter of that name."""
    declared = rf"(?m)^\s*{name}\s*:[^#\n]*\([^)\n]*\bconstant\b[^)\n]*\)"
    return re.search(declared, model.equations) is not None
