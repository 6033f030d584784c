"""A DeepRacer model of others at the wheel of the same agent node."""

import json
import time
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("rclpy")

from sensor_msgs.msg import Image

from deepracer_agent.car_archive import CarModel, write_archive
from deepracer_agent.model_import import import_model
from deepracer_agent.policy import Policy
from deepracer_ros.messages import AckermannDriveStamped, to_image
from deepracer_ros.topics import COMMAND, SENSOR
from deepracer_sim.grey import grey

FROZEN = Path(__file__).parents[1] / "agent" / "frozen_graphs.npz"
METADATA = {
    "action_space": {
        "speed": {"low": 1.0, "high": 3.0},
        "steering_angle": {"low": -30.0, "high": 30.0},
    },
    "action_space_type": "continuous",
    "sensor": ["FRONT_FACING_CAMERA"],
    "training_algorithm": "sac",
    "version": "4",
}


@pytest.fixture
def model(tmp_path):
    with np.load(FROZEN, allow_pickle=False) as file:
        graph = file["sac_graph"].tobytes()
    path = tmp_path / "car.tar.gz"
    path.write_bytes(write_archive(CarModel(graph, json.dumps(METADATA).encode()), 0))
    return import_model(path, None, tmp_path / "models")


def test_an_imported_model_drives(peer, start, model):
    drives = peer.listen(AckermannDriveStamped, "drive", COMMAND)
    camera = peer.node.create_publisher(Image, "camera/image_raw", SENSOR)
    agent = start("agent_node", model=model)
    frame = np.random.default_rng(0).integers(0, 256, (120, 160, 3), np.uint8)
    shown = [0.0]

    def answer():
        if time.monotonic() > shown[0] + 0.05:
            shown[0] = time.monotonic()
            now = peer.node.get_clock().now().to_msg()
            camera.publish(to_image(frame, now, "camera_optical"))
        return next((one.drive for one in drives if one.drive.speed), None)

    drive = peer.spin_until(answer)
    ((steering_angle, speed),) = Policy(model).drive(grey(frame)[None])
    assert drive.steering_angle == pytest.approx(steering_angle, abs=1e-3)
    assert drive.speed == pytest.approx(speed, abs=1e-3)
    assert "torch" not in Path(f"/proc/{agent.pid}/maps").read_text()
    assert agent.stop() == 0
