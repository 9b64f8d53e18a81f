"""What holds for every test: strict floating point, and property tests that draw the same examples every time."""

import os
from collections.abc import Iterator

import hypothesis
import numpy as np
import pytest

# JAX compiles in half the time, for what is small enough for tests.
os.environ.setdefault("XLA_FLAGS", "--xla_backend_optimization_level=0 --xla_llvm_disable_expensive_passes=true")
hypothesis.settings.register_profile("lsnn", deadline=None, derandomize=True, max_examples=50)
hypothesis.settings.load_profile("lsnn")


@pytest.fixture(autouse=True)
def strict_floating_point() -> Iterator[None]:
    """Overflow, invalid operations and division by zero raise; underflow is ordinary in decaying traces."""
    with np.errstate(all="raise", under="ignore"):
        yield
