"""What holds for every test: strict floating point, and property tests that draw the same examples every time."""

from collections.abc import Iterator

import hypothesis
import numpy as np
import pytest

hypothesis.settings.register_profile("lsnn", deadline=None, derandomize=True, max_examples=50)
hypothesis.settings.load_profile("lsnn")


@pytest.fixture(autouse=True)
def strict_floating_point() -> Iterator[None]:
    """Overflow, invalid operations and division by zero raise; underflow is ordinary in decaying traces."""
    with np.errstate(all="raise", under="ignore"):
        yield
