"""What tests of evaluation share."""

import pytest

from tests.training import runs


@pytest.fixture(name="eagerly")
def run_eagerly():
    """Without graphs for the length of a test, see `runs.eagerly`."""
    with runs.eagerly():
        yield
