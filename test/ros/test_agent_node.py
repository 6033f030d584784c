"""The agent as a real process: it drives by what it sees, and stops when it sees nothing."""

import math
import re
import signal
import time
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("rclpy")

from diagnostic_msgs.msg import DiagnosticArray
from rcl_interfaces.srv import SetParameters
from rclpy.parameter import Parameter
from rosgraph_msgs.msg import Clock
from sensor_msgs.msg import Image

from deepracer_agent.driver import LONGEST_BLIND
from deepracer_ros.messages import AckermannDriveStamped, to_image, to_nanoseconds, to_time
from deepracer_ros.topics import CLOCK, COMMAND, SENSOR

LEFT = np.zeros((120, 160, 3), np.uint8)
LEFT[:, :80] = 255  # bright on the left, where the models below steer to
RIGHT = LEFT[:, ::-1].copy()
MODEL_SPEED = 1.0  # m/s, of all three actions
STEP = 10**9 // 15  # ns


class Bench:
    """A camera, a clock and ears for one agent; time goes on only when `tick` is called."""

    def __init__(self, peer):
        self.peer = peer
        self.now = 10**9  # ns
        self.drives = peer.listen(AckermannDriveStamped, "drive", COMMAND)
        self._reports = peer.listen(DiagnosticArray, "/diagnostics")
        self._camera = peer.node.create_publisher(Image, "camera/image_raw", SENSOR)
        self._clock = peer.node.create_publisher(Clock, "/clock", CLOCK)

    def tick(self, duration=STEP):
        """Let simulated time go on."""
        self.now += duration
        self._clock.publish(Clock(clock=to_time(self.now)))

    def image(self, frame=LEFT, age=0):
        return to_image(frame, to_time(self.now - age), "camera_optical")

    def show(self, message):
        self._camera.publish(message)

    def drive(self, frame):
        """Show a frame, again now and then, until it is answered; return the answer."""
        shown, next_time = [], [0.0]

        def answer():
            if time.monotonic() > next_time[0]:
                next_time[0] = time.monotonic() + 0.3
                self.tick()
                shown.append(self.image(frame))
                self.show(shown[-1])
            return next((one for one in self.drives if one.header.stamp == shown[-1].header.stamp
                         and one.drive.speed), None)  # fmt: skip

        return self.peer.spin_until(answer)

    def stop(self):
        """Wait for a stop command of this time; return it."""

        def stop():
            return next((one for one in self.drives if not one.drive.speed
                         and to_nanoseconds(one.header.stamp) == self.now), None)  # fmt: skip

        return self.peer.spin_until(stop)

    def told(self, *words, name="/agent", showing=None):
        """Wait until an agent's diagnostics have all the words; return its figures."""

        def found():
            if showing:
                self.show(showing)  # again and again, as one may be lost
            for array in self._reports:
                for status in array.status:
                    if status.name == name and all(word in status.message for word in words):
                        return {value.key: value.value for value in status.values}
            return None

        self._reports.clear()
        return self.peer.spin_until(found)

    def set(self, **values):
        """Set parameters of the agent; return what it says to each."""
        request = SetParameters.Request()
        for name, value in values.items():
            request.parameters.append(Parameter(name, value=value).to_parameter_msg())
        return self.peer.call(SetParameters, "/agent/set_parameters", request).results


@pytest.fixture
def bench(peer):
    return Bench(peer)


@pytest.fixture
def agent(start, models):
    """A function that starts an agent, on simulated time unless told otherwise."""

    def begin(model="towards", *arguments, **parameters):
        folder = models / model if model else "''"  # YAML for an empty text
        parameters = {"model": folder, "use_sim_time": True, **parameters}
        return start("agent_node", *arguments, **parameters)

    return begin


def test_it_drives_by_what_it_sees_and_stops_when_it_sees_nothing(agent, bench):
    process = agent()
    assert bench.drive(LEFT).drive.steering_angle == pytest.approx(math.radians(20))
    answer = bench.drive(RIGHT)  # has the time of the image, as `drive` waits for it
    assert answer.drive.steering_angle == pytest.approx(math.radians(-20))
    assert answer.drive.speed == MODEL_SPEED
    assert answer.header.frame_id == "base_link"

    for pause in (LONGEST_BLIND, 10**8, 10**8, 10**8):
        bench.tick(pause)
        assert bench.stop().drive.steering_angle == 0.0
    bench.told("no good image on /camera/image_raw")
    assert bench.drive(LEFT).drive.speed == MODEL_SPEED

    maps = Path(f"/proc/{process.pid}/maps").read_text()
    assert "onnxruntime" in maps
    assert not [name for name in ("torch", "llvmlite", "cv2", "matplotlib") if name in maps]
    status = Path(f"/proc/{process.pid}/status").read_text()
    assert int(re.search(r"VmRSS:\s+(\d+) kB", status)[1]) < 150_000


def test_it_sends_stop_commands_before_the_first_image(agent, bench):
    agent()
    bench.peer.spin_until(lambda: bench.tick() or bench.drives)
    assert all(one.drive.speed == 0.0 for one in bench.drives)


def test_a_clock_that_jumps_is_followed(agent, bench):
    agent()
    for begin in (1000, 0, 500):
        bench.now = begin * 10**9
        bench.drive(LEFT)
        bench.tick(LONGEST_BLIND)
        bench.stop()


def test_a_model_is_changed_while_it_runs_and_a_bad_one_is_refused(agent, bench, models):
    agent()
    assert bench.drive(LEFT).drive.steering_angle > 0
    (result,) = bench.set(model=str(models / "away"))
    assert result.successful
    assert bench.drive(LEFT).drive.steering_angle < 0
    for model, reason in (
        (str(models / "damaged"), "damaged or no ONNX file"),
        (str(models), "There is no model"),
        ("x" * 5000, "There is no model"),
        (True, "it must be text"),
    ):
        (result,) = bench.set(model=model)
        assert not result.successful
        assert reason in result.reason
    assert bench.drive(LEFT).drive.steering_angle < 0
    assert bench.told("driving")["model"] == str(models / "away")


def test_the_speed_is_limited_while_it_runs(agent, bench):
    agent(max_speed=0.5)
    assert bench.drive(LEFT).drive.speed == 0.5
    assert all(result.successful for result in bench.set(max_speed=4, throttle_scale=0.25))
    assert bench.drive(LEFT).drive.speed == 0.25 * MODEL_SPEED
    for name, value in (
        ("max_speed", -1.0),
        ("max_speed", math.nan),
        ("throttle_scale", 1.5),
        ("throttle_scale", "full"),
    ):
        (result,) = bench.set(**{name: value})
        assert not result.successful
        assert name in result.reason
    assert bench.drive(LEFT).drive.speed == 0.25 * MODEL_SPEED


def garbage(bench):
    """Images that no agent should answer."""
    good = bench.image()
    for name, value in (
        ("encoding", "16UC1"),
        ("encoding", "x" * 1000),
        ("height", 2**32 - 1),
        ("width", 0),
        ("step", 0),
        ("step", 2**32 - 1),
        ("data", good.data[:-1]),
        ("data", good.data[:0]),
    ):
        message = bench.image()
        setattr(message, name, value)
        yield message
    for size in ((240, 320, 3), (120, 161, 3), (1, 1)):
        yield bench.image(np.zeros(size, np.uint8))
    for age in (LONGEST_BLIND + STEP, 10**9, -(10**10), -(2**60)):
        yield bench.image(age=age)


def test_garbage_is_refused_and_told_and_a_good_image_is_then_served(agent, bench):
    agent()
    bench.drive(LEFT)
    bench.drives.clear()
    kinds = list(garbage(bench))
    for number in range(1000):
        bench.show(kinds[number % len(kinds)])
    figures = bench.told("refused: ")
    assert int(figures["images refused"]) > 0
    assert figures["last refused because"]
    assert not any(one.drive.speed for one in bench.drives)
    assert bench.drive(RIGHT).drive.steering_angle < 0


def test_commands_that_are_not_finite_are_not_given(agent, bench):
    agent("spoilt")
    assert bench.drive(np.zeros((120, 160, 3), np.uint8)).drive.speed == 0.75
    bench.drives.clear()
    white = bench.image(np.full((120, 160, 3), 255, np.uint8))
    bench.told("refused: ", "not finite", showing=white)
    assert not bench.drives


def test_a_second_driver_and_a_missing_camera_are_told(agent, bench, domain):
    agent(use_sim_time=False)
    agent("away", "--ros-args", "-r", "__node:=other", use_sim_time=False)
    bench.told("others publish /drive, too: /other")
    bench.told("others publish /drive, too: /agent", name="/other")
    bench.told("no camera heard on /camera/image_raw", f"ROS_DOMAIN_ID ({domain})")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_ends_quietly(agent, bench, number):
    process = agent()
    bench.drive(LEFT)
    process.send(number)
    assert process.wait() == 0
    assert "Traceback" not in process.output


@pytest.mark.parametrize(
    ("model", "parameters", "words"),
    [
        ("none", {}, "There is no model"),
        ("", {}, "There is no model in models/ yet. Train one: deepracer train"),
        ("damaged", {}, "policy.onnx cannot be loaded, it is damaged"),
        ("towards", {"max_speed": "fast"}, "max_speed is 'fast'; it must be a number"),
        ("towards", {"throttle_scale": 2}, "throttle_scale is 2.0; it must be at least 0"),
    ],
)
def test_a_bad_start_is_told_in_one_line(agent, model, parameters, words):
    process = agent(model, **parameters)
    assert process.wait() == 1
    assert process.output.startswith("Error: ")
    assert words in process.output
    assert process.output.count("\n") == 1
