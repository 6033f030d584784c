"""Training over topics: real processes that are ended, killed and started again."""

import json
import signal

import numpy as np
import pytest
from diagnostic_msgs.msg import DiagnosticArray
from nav_msgs.msg import Odometry
from sensor_msgs.msg import Image
from std_msgs.msg import Float32

from deepracer_agent.checkpoint import read_counters
from deepracer_agent.policy import Policy
from deepracer_ros.topics import SENSOR

CARS = 8
SAVE_EVERY = "import deepracer_agent.train as t; t._CHECKPOINT_EVERY = {}".format
SAVE_OFTEN, SAVE_AT_THE_END = SAVE_EVERY(0.0), SAVE_EVERY(1e9)


@pytest.fixture
def start_world(start, round_track):
    def begin(*arguments, **parameters):
        return start(
            "world_node",
            *arguments,
            lockstep=True,
            **{"track": round_track, "cars": CARS, **parameters},
        )

    return begin


@pytest.fixture
def start_trainer(start, tmp_path):
    """Starts a trainer that saves after every update, which is often."""
    path = tmp_path / "quick.json"
    values = {"num_episodes_between_training": 1, "num_epochs": 1, "batch_size": 100}
    path.write_text(json.dumps(values))

    def begin(before=SAVE_OFTEN, **parameters):
        given = {"name": "m", "minutes": 0.0, "hyperparameters": path, **parameters}
        return start("trainer_node", before=before, **given)

    return begin


@pytest.fixture
def steps_saved(tmp_path):
    """How many steps the saved training counts; 0 where none is saved."""

    def read():
        folder = tmp_path / "models" / "m" / "checkpoint"
        return read_counters(folder).steps if (folder / "training.npz").exists() else 0

    return read


def steps_told(diagnostics):
    """How many steps the trainer counted last; 0 before it learns."""
    values = {
        value.key: value.value
        for array in diagnostics
        for status in array.status
        if status.name == "/trainer"
        for value in status.values
    }
    return int(values.get("steps", 0))


def test_a_training_tells_of_itself_and_ends_with_a_model(
    start_world, start_trainer, peer, tmp_path
):
    world = start_world()
    heard = {name: peer.listen(Float32, name) for name in ("reward", "race/progress")}
    images, poses = peer.listen(Image, "camera/image_raw", SENSOR), peer.listen(Odometry, "odom")
    diagnostics = peer.listen(DiagnosticArray, "/diagnostics")
    trainer = start_trainer(steps=6000)
    peer.spin_until(lambda: trainer.poll() is not None)
    assert trainer.wait() == 0, trainer.output
    assert "Training models/m" in trainer.output
    assert all(len(messages) > 100 for messages in (*heard.values(), poses))
    assert 1e-3 <= max(message.data for message in heard["reward"]) <= 1.0
    assert images[-1].encoding == "rgb8"
    assert (images[-1].width, images[-1].height) == (160, 120)
    names = {status.name for array in diagnostics for status in array.status}
    assert {"/trainer", "/world"} <= names
    policy = Policy(tmp_path / "models" / "m")
    assert policy.drive(np.zeros((1, 120, 160), np.uint8)).shape == (1, 2)
    settings = json.loads((tmp_path / "models/m/checkpoint/settings.json").read_text())
    assert settings["cars"] == CARS
    assert world.stop() == 0


def test_the_world_may_be_killed_and_started_again(start_world, start_trainer, steps_saved, peer):
    world = start_world()
    trainer = start_trainer()
    peer.spin_until(steps_saved)
    world.kill()
    before = steps_saved()
    world = start_world()
    peer.spin_until(lambda: steps_saved() > before + 3000)
    assert trainer.poll() is None
    assert "started anew" in trainer.output
    assert trainer.stop() == 0
    assert "Traceback" not in trainer.output


def test_a_killed_trainer_resumes_from_its_checkpoint(
    start_world, start_trainer, steps_saved, peer
):
    world = start_world()
    trainer = start_trainer()
    peer.spin_until(steps_saved)
    trainer.kill()
    before = steps_saved()
    again = start_trainer(resume=True)
    peer.spin_until(lambda: steps_saved() > before + 3000)
    assert world.poll() is None
    assert again.stop() == 0


def test_two_worlds_feed_one_trainer(start_world, start_trainer, peer, tmp_path):
    remap = ("--ros-args", "-r")
    start_world(*remap, "__ns:=/near")
    trainer = start_trainer(steps=3000, worlds="near,far")
    start_world(*remap, "__ns:=/far", track="oval", cars=4)
    assert trainer.wait() == 0, trainer.output
    settings = json.loads((tmp_path / "models/m/checkpoint/settings.json").read_text())
    assert settings["cars"] == CARS + 4
    assert settings["tracks"][1] == "oval"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_trainer_that_waits_for_a_world_can_be_ended(start_trainer, peer, number):
    trainer = start_trainer()
    peer.spin_until(lambda: "No world has answered" in trainer.output)
    trainer.send(number)
    assert trainer.wait() == 0
    assert "Traceback" not in trainer.output


@pytest.mark.parametrize("first", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_asked_to_end_twice_at_once_it_keeps_what_was_learned(
    start_world, start_trainer, steps_saved, peer, first
):
    """As a node is that is asked along with its launch, which asks it, too."""
    world = start_world()
    diagnostics = peer.listen(DiagnosticArray, "/diagnostics")
    trainer = start_trainer(before=SAVE_AT_THE_END)
    peer.spin_until(lambda: steps_told(diagnostics) > 1000)
    assert not steps_saved()
    world.kill()
    peer.spin_until(lambda: "No world has answered" in trainer.output)
    trainer.send(first)
    trainer.send(signal.SIGINT)
    assert trainer.wait() == 0
    assert "Traceback" not in trainer.output
    assert steps_saved() > 1000


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"reward": "no_such"}, "no_such"),
        ({"minutes": -1}, "minutes"),
        ({"lap_rate": "many"}, "lap_rate is 'many'; it must be a number"),
        ({"resume": True}, "There is no model 'm'"),
    ],
)
def test_a_mistake_is_one_line(start_world, start_trainer, given, words):
    start_world()
    trainer = start_trainer(**given)
    assert trainer.wait() == 1
    assert words in trainer.output
    assert "Traceback" not in trainer.output
