"""From Brian2 equations to compiled kernels and their exact adjoint.

    texts.py, advice.py what a string must be before Brian2 and SymPy see it, and what to write in place of a name
    parsing.py          Brian2 reads the strings and checks their units
    symbols.py          functions that SymPy lacks or rewrites
    stepping.py         Brian2's state updaters make one step of them, within a deadline (deadline.py)
    conductances.py     whether synapses add to a conductance
    differentiating.py  SymPy differentiates every assignment
    constants.py        what does not change in time is computed once, on the host
    printing.py, written.py, loops.py, writing.py   the source of a module for numba
    javascript.py       the step in that source as JavaScript, for a page
    host.py             the same module seen from the host: slots, constants, effect of a synapse

The text is kept in the cache folder under a hash of the model and of this package, so Brian2 and SymPy are
imported only for a model that is new.
"""

import hashlib
import re
from functools import cache
from importlib.metadata import version
from pathlib import Path

from lsnn.equations.deadline import within
from lsnn.errors import InputError
from lsnn.kernels.cached import cache_folder, changed_since_start, keep, kept
from lsnn.neurons import NeuronModel

NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,63}")
MOST_SECONDS = 120  # from the strings to the source
TAKEN = ("neurons", "readout")  # kernels call functions of their own so


@cache
def source_of(model: NeuronModel) -> str:
    """The generated source of a model: its pointwise forward step and adjoint; raises InputError for a bad model."""
    if not NAME.fullmatch(model.name) or model.name in TAKEN or model.name.startswith("bar_"):
        rule = "must be of at most 64 ASCII letters, digits and underscores, begin with a letter and not with 'bar_'"
        raise InputError(f"neuron model {model.name!r:.80}: the name {rule}, and not be {' or '.join(TAKEN)}")
    files = sorted(Path(__file__).parent.glob("*.py"))
    made_of = "\n".join([repr(model), *(file.read_text() for file in files), version("brian2"), version("sympy")])
    path = cache_folder() / "models" / f"neurons_{hashlib.sha256(made_of.encode()).hexdigest()[:16]}.py"
    known = kept(path)
    if known is not None:
        return known.decode()
    from lsnn.equations.writing import write  # Brian2 and SymPy take seconds to import

    try:
        with within(MOST_SECONDS):
            text = write(model)
    except TimeoutError:
        rule = f"must be simple enough that its step and adjoint are written within {MOST_SECONDS} s"
        raise InputError(f"neuron model {model.name!r}, equations: {rule}; use fewer or shorter ones") from None
    if not changed_since_start(files):
        keep(path, text.encode())
    return text
