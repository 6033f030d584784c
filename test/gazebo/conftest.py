"""The real Gazebo, where it is available; tests that need it use the fixture `gazebo`."""

import pytest

from deepracer_sim.errors import UserError
from deepracer_sim.gazebo.installation import find, plugin_folder


@pytest.fixture(scope="session")
def gazebo():
    """The installation, its plugin compiled. Skips the test where there is no Gazebo."""
    try:
        installation = find()
    except UserError as error:
        pytest.skip(str(error))
    plugin_folder(installation)
    return installation
