import time

import pytest


@pytest.fixture
def eventually():
    """A function that waits until a condition holds; it fails after two minutes."""

    def wait(condition, timeout=120.0):
        deadline = time.monotonic() + timeout
        while not condition():
            if time.monotonic() > deadline:
                pytest.fail(f"not within {timeout} s")
            time.sleep(0.005)

    return wait
