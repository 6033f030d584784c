"""The contract of World, kept by Gazebo: the tests of test/sim/test_world.py as they are."""

from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import pytest

from deepracer_sim.gazebo.world import GazeboWorld

_FILE = Path(__file__).parents[1] / "sim" / "test_world.py"
_spec = spec_from_file_location("world_contract", _FILE)
assert _spec and _spec.loader
contract = module_from_spec(_spec)
_spec.loader.exec_module(contract)
tests = {
    name: value
    for name, value in vars(contract).items()
    if name.startswith("test_") and "embedded" not in name
}
globals().update(tests)
world = contract.world


@pytest.fixture(scope="module")
def opened(gazebo):
    world = GazeboWorld(contract.TRACK, contract.N)
    yield world
    world.close()


def test_the_contract_is_here():
    assert len(tests) > 15
