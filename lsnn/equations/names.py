"""How the generated code calls the names of a model."""

import keyword
import re

FUNCTIONS = ("absolute", "clip", "cos", "exp", "exprel", "exprel_slope", "log", "sin", "sqrt", "tanh", "where")
WORDS = """
    adjoint arriving at base beyond_threshold blocked byte cells closed count_refractory distance end extra
    fast_sigmoid first from_bits g_spikes gamma gaussian group held j jump k load n n_neurons n_out needed njit np
    output output_bar range reached record refractory ring row share slope slot special spike spiked spikes spread
    state store through_reset to_bits triangle weights x gradient
"""
RESERVED = {*WORDS.split(), *FUNCTIONS}


def safe(name: str) -> str:
    """A name of the model as it is called in the code: one that the code uses itself gets an underscore."""
    taken = name.rstrip("_") in RESERVED or keyword.iskeyword(name)
    taken = taken or bool(re.fullmatch(r"[cs]\d+|\w+_(bar|bar_sum|bar_step|at_\d+)", name))
    return f"{name}_" if taken else name
