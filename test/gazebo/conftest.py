"""The real Gazebo, where it is available; tests that need it use the fixture `gazebo`."""

import os

import pytest

from deepracer_sim.errors import UserError
from deepracer_sim.gazebo.installation import find, library_folder


@pytest.fixture(scope="session")
def gazebo():
    """The installation, its plugin compiled. Skips the test, or fails it, where there is none."""
    try:
        installation = find()
    except UserError as error:
        # where nothing may be skipped for want of Gazebo, as in CI
        (pytest.fail if os.environ.get("GAZEBO") == "required" else pytest.skip)(str(error))
    library_folder(installation)
    return installation
