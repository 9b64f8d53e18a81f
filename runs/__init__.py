"""The `lsnn` command, its runs and the scripts behind figures and tables.

Libraries read variables of the environment when they are imported, and some end in an abort or a traceback on a value
that they do not know. So these are looked at before any of them.
"""

import os
import re
import sys

_COMPILED = "must not be set: the network's code exists compiled only"
_RULES = {
    "NUMBA_DISABLE_JIT": (r"0?", _COMPILED),
    "NUMBA_NUM_THREADS": (r"|0*[1-9]\d{0,8}", "must be a whole number of at least 1"),
    "NUMBA_CPU_FEATURES": (r"|[+-][^,]+(,[+-][^,]+)*", "must be a list of features, each after a + or a -"),
    "SOURCE_DATE_EPOCH": (r"|\d{1,11}", "must be a whole number of seconds since 1970"),
}


def broken_rule(environment: dict[str, str]) -> str | None:
    """What is wrong with the environment, in one line; None if nothing is."""
    for name, (form, rule) in _RULES.items():
        value = environment.get(name, "").strip()
        if not re.fullmatch(form, value):
            return f"{name} {rule}" + ("" if rule == _COMPILED else f", got {value!r:.80}")
    return None


if _broken := broken_rule(dict(os.environ)):
    print(f"lsnn: {_broken}", file=sys.stderr)
    sys.exit(2)
