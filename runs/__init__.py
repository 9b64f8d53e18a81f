"""The `lsnn` command, its runs and the scripts behind figures and tables."""

import os
import sys

if os.environ.get("NUMBA_DISABLE_JIT", "0").strip() not in ("", "0"):
    print("lsnn: NUMBA_DISABLE_JIT must not be set: the network's code exists compiled only", file=sys.stderr)
    sys.exit(2)
