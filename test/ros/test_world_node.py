"""The world as a real process, in real time: what it tells, what it obeys, what it refuses."""

import math
import signal

import numpy as np
import pytest

pytest.importorskip("rclpy")

from ackermann_msgs.msg import AckermannDriveStamped
from diagnostic_msgs.msg import DiagnosticArray
from nav_msgs.msg import Odometry, Path
from rosgraph_msgs.msg import Clock
from sensor_msgs.msg import CameraInfo, CompressedImage, Image
from std_msgs.msg import Float32, String
from std_srvs.srv import SetBool, Trigger
from tf2_msgs.msg import TFMessage
from visualization_msgs.msg import MarkerArray

from deepracer_ros.messages import to_drive, to_nanoseconds, to_time
from deepracer_ros.topics import CLOCK, COMMAND, LATCHED, SENSOR
from deepracer_sim.ros_real_time import is_slow

STAMP = to_time(0)
QUICK = 5.0  # simulated seconds per second


def time_of(message):
    """The number of the control period that a message tells of; its stamp is exactly that."""
    stamp = message.clock if isinstance(message, Clock) else message.header.stamp
    nanoseconds = to_nanoseconds(stamp)
    number = round(nanoseconds * 15 / 10**9)
    assert nanoseconds == number * 10**9 // 15
    return number


def pose(odometry):
    """x, y, yaw of an odometry message."""
    position, turn = odometry.pose.pose.position, odometry.pose.pose.orientation
    return position.x, position.y, 2.0 * math.atan2(turn.z, turn.w)


def speed(odometry):
    return odometry.twist.twist.linear.x


def round_about(x, y, yaw):
    """The steering angle that keeps a car on the round track, counter-clockwise."""
    y -= 1.0  # the track begins at the origin and turns left
    along = math.atan2(y, x) + math.pi / 2
    off = math.hypot(x, y) - 1.0
    return math.remainder(along - yaw, 2.0 * math.pi) + 1.5 * off + 0.16


class Driver:
    """A node that hears all that the world says, and drives its car."""

    def __init__(self, peer):
        self.peer = peer
        self.clock = peer.listen(Clock, "/clock", CLOCK)
        self.lap_times = peer.listen(Float32, "race/lap_time")
        self.progress = peer.listen(Float32, "race/progress")
        self.events = peer.listen(String, "race/event")
        self.reports = peer.listen(DiagnosticArray, "/diagnostics")
        self.odometry = peer.listen(Odometry, "odom")  # found last, as it was made last
        self.publisher = peer.node.create_publisher(AckermannDriveStamped, "drive", COMMAND)

    def wait_for_world(self):
        self.peer.spin_until(lambda: self.publisher.get_subscription_count() and self.odometry)
        self.peer.spin_until(lambda: self.peer.node.count_publishers("race/event"))

    def drive(self, until, speed=1.0, steer=round_about):
        """Answer every odometry message with a command until a condition holds."""
        self.wait_for_world()
        answered = [0]

        def answer():
            if len(self.odometry) > answered[0]:
                answered[0] = len(self.odometry)
                command = to_drive(steer(*pose(self.odometry[-1])), speed, STAMP)
                self.publisher.publish(command)
            return until()

        return self.peer.spin_until(answer)

    def heard(self, event):
        return event in [message.data for message in self.events]

    def steps(self, count):
        """Wait for some more control periods."""
        end = len(self.odometry) + count
        self.peer.spin_until(lambda: len(self.odometry) >= end)

    def told(self, *words):
        """Wait until the world's diagnostics have all the words; return its figures."""

        def found():
            for array in self.reports:
                for status in array.status:
                    if status.name == "/world" and all(word in status.message for word in words):
                        return {value.key: value.value for value in status.values}
            return None

        self.reports.clear()
        return self.peer.spin_until(found)


@pytest.fixture
def driver(peer):
    return Driver(peer)


@pytest.fixture
def world(start, round_track):
    """A function that starts a world with the round track, five times as fast as real time."""

    def begin(*arguments, **parameters):
        given = {"track": round_track, "rtf": QUICK, **parameters}
        return start("world_node", *arguments, **given)

    return begin


def test_time_goes_on_in_control_periods_and_everything_agrees(world, driver):
    peer = driver.peer
    images = peer.listen(Image, "camera/image_raw", SENSOR)
    infos = peer.listen(CameraInfo, "camera/camera_info", SENSOR)
    transforms = peer.listen(TFMessage, "/tf", 100)
    world()
    driver.drive(lambda: min(map(len, (images, infos, transforms))) > 75)
    for messages in (images, infos, driver.odometry, driver.clock):
        numbers = [time_of(message) for message in messages]
        assert numbers[0] >= 1
        assert np.diff(numbers).min() == 1  # none twice, none back
        assert np.median(np.diff(numbers)) == 1  # where this test was too slow, some are lost
    assert images[0].header.frame_id == infos[0].header.frame_id == "camera_optical"
    assert (images[0].encoding, images[0].width, images[0].height) == ("rgb8", 160, 120)
    by_time = {time_of(message): message for message in driver.odometry}
    for (moved,) in (message.transforms for message in transforms):
        assert (moved.header.frame_id, moved.child_frame_id) == ("odom", "base_link")
        if told := by_time.get(time_of(moved)):
            assert moved.transform.translation.x == told.pose.pose.position.x
            assert moved.transform.rotation == told.pose.pose.orientation


def test_the_image_shows_the_road_and_changes_as_the_car_drives(world, driver):
    images = driver.peer.listen(Image, "camera/image_raw", SENSOR)
    compressed = driver.peer.listen(CompressedImage, "camera/image_raw/compressed", SENSOR)
    world(compressed=True)
    driver.peer.spin_until(lambda: images and compressed)
    assert len(set(bytes(images[-1].data))) > 20
    first = bytes(images[-1].data)
    driver.drive(lambda: driver.progress and driver.progress[-1].data > 20)
    assert bytes(images[-1].data) != first
    assert compressed[-1].format.startswith("rgb8; jpeg")
    assert bytes(compressed[-1].data[:2]) == b"\xff\xd8"


def test_late_listeners_are_told_of_the_track_and_the_car(world, driver):
    world()
    driver.wait_for_world()
    wanted = {
        "track": MarkerArray,
        "track/centerline": Path,
        "robot_description": String,
        "tf_static": TFMessage,
    }
    heard = {topic: driver.peer.listen(kind, topic, LATCHED) for topic, kind in wanted.items()}
    driver.peer.spin_until(lambda: all(heard.values()))
    assert len(heard["track/centerline"][0].poses) > 50
    assert heard["robot_description"][0].data.startswith("<robot ")


def test_laps_are_timed_and_told(world, driver):
    process = world()
    driver.drive(lambda: len(driver.lap_times) >= 2 and driver.heard("lap"))
    laps = [message.data for message in driver.lap_times]
    driver.steps(5)
    assert min(laps) > 0.9 * 2.0 * math.pi  # longer where the test is slow and the car waits
    assert sum(laps) <= time_of(driver.odometry[-1]) / 15
    farthest = max(abs(math.hypot(x, y - 1.0) - 1.0) for x, y, _ in map(pose, driver.odometry))
    assert farthest > 0.4 if driver.heard("off_track") else farthest < 0.6
    assert max(message.data for message in driver.progress) == 100.0
    driver.peer.spin_until(lambda: f"Lap: {driver.lap_times[0].data:.2f} s" in process.output)


def test_off_the_track_the_car_is_put_back(world, driver):
    world()
    driver.drive(lambda: driver.heard("off_track"), speed=2.0, steer=lambda *_: 0.0)
    driver.drive(lambda: driver.lap_times)
    assert all(math.hypot(x, y - 1.0) < 1.8 for x, y, _ in map(pose, driver.odometry))


def test_it_can_be_left_off_the_track(world, driver):
    world(put_back=False)
    driver.drive(
        lambda: driver.events and pose(driver.odometry[-1])[0] > 3.0,
        speed=2.0,
        steer=lambda *_: 0.0,
    )
    assert [message.data for message in driver.events] == ["off_track"]


def test_clockwise_the_car_stands_the_other_way_round(world, driver):
    world(clockwise=True)
    driver.wait_for_world()
    assert abs(pose(driver.odometry[-1])[2]) == pytest.approx(math.pi, abs=1e-3)


def test_a_reset_and_a_pause(world, driver):
    call = driver.peer.call
    world()
    driver.drive(lambda: driver.progress and driver.progress[-1].data > 20)
    assert call(Trigger, "sim/reset", Trigger.Request()).success
    driver.peer.spin_until(lambda: driver.heard("reset"))
    driver.steps(5)
    assert math.hypot(*pose(driver.odometry[-1])[:2]) < 0.02

    assert call(SetBool, "sim/pause", SetBool.Request(data=True)).message == "paused"
    assert driver.told("paused")
    number = time_of(driver.odometry[-1])
    driver.told("paused")  # a second later
    assert time_of(driver.odometry[-1]) == number
    assert call(SetBool, "sim/pause", SetBool.Request(data=False)).message == "running"
    driver.steps(5)
    assert number + 1 in map(time_of, driver.odometry)  # no time passed in the pause
    driver.drive(lambda: driver.lap_times)


def test_without_commands_the_car_stops(world, driver):
    world()
    driver.drive(lambda: speed(driver.odometry[-1]) > 0.95)
    driver.steps(30)
    assert speed(driver.odometry[-1]) == pytest.approx(0.0, abs=1e-2)


def test_two_drivers_are_reported_by_name(world, driver):
    world()
    driver.wait_for_world()
    driver.peer.spin_until(lambda: driver.told("running")["drivers"] == "/test")
    other = driver.peer.node.create_publisher(AckermannDriveStamped, "drive", COMMAND)
    assert driver.told("2 nodes drive the car on /drive: /test, /test")["drivers"]
    driver.peer.node.destroy_publisher(other)
    driver.told("running")


def test_two_clocks_are_reported_by_name(world, driver):
    """A namespace does not part two worlds in real time: both publish /clock."""
    world()
    assert driver.told("running")["clocks"] == "/world"
    world("--ros-args", "-r", "__ns:=/b")
    driver.told("2 nodes publish /clock: /b/world, /world", "a ROS_DOMAIN_ID of its own")
    other = driver.peer.node.create_publisher(AckermannDriveStamped, "drive", COMMAND)
    driver.told("2 nodes drive the car on /drive: /test, /test; 2 nodes publish /clock")
    driver.peer.node.destroy_publisher(other)


def garbage():
    """Commands that no car should obey."""
    for bad in (math.nan, math.inf, -math.inf):
        yield to_drive(bad, 1.0, STAMP)
        yield to_drive(0.0, bad, to_time(2**62))
        yield to_drive(bad, bad, to_time(-(2**60)))


def test_garbage_is_refused_and_a_good_command_is_then_served(world, driver):
    process = world()
    driver.wait_for_world()
    commands = list(garbage())
    for number in range(1200):
        driver.publisher.publish(commands[number % len(commands)])
    driver.peer.spin_until(lambda: "Refused on /drive: the command is not finite" in process.output)
    assert int(driver.told("running")["commands refused"]) > 0
    assert not any(map(speed, driver.odometry))
    driver.drive(lambda: speed(driver.odometry[-1]) > 0.9)
    assert all(map(math.isfinite, pose(driver.odometry[-1])))
    assert process.output.count("Refused") < 10  # told, but not a thousand times
    assert "Traceback" not in process.output


def test_commands_beyond_the_car_s_limits_are_cut(world, driver):
    world()
    driver.drive(lambda: speed(driver.odometry[-1]) > 1.0, speed=3e38, steer=lambda *_: -3e38)
    driver.drive(lambda: driver.lap_times)
    assert all(speed(message) < 5.0 for message in driver.odometry)


@pytest.mark.parametrize(
    ("name", "lockstep"), [("SIGINT", False), ("SIGTERM", True), ("SIGHUP", False)]
)
def test_it_ends_quietly(world, driver, name, lockstep):
    process = world(lockstep=lockstep, cars=2)
    driver.told("waiting" if lockstep else "running")
    process.send(signal.Signals[name])
    assert process.wait() == 0
    told = [line for line in process.output.splitlines() if "slower than asked" not in line]
    assert len(told) <= 1, process.output


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"track": "nowhere"}, "There is no track 'nowhere'. Give one of"),
        ({"track": "none.npy"}, "There is no track file none.npy"),
        ({"track": "random:2"}, "is 2 tracks; a world has one"),
        ({"car": "truck"}, "no car profile 'truck'. Choose one of: aws_sim"),
        ({"camera": "fish_eye"}, "no camera preset 'fish_eye'. Choose one of"),
        ({"world": "flat"}, "There is no world 'flat'. Choose one of: embedded"),
        ({"gui": "true"}, "gui shows Gazebo's window"),
        ({"rtf": 0}, "The parameter rtf is 0.0; it must be at least 0.01"),
        ({"rtf": "quick"}, "The parameter rtf is 'quick'; it must be a number"),
        ({"rtf": ".nan"}, "The parameter rtf is nan; it must be a number"),
        ({"lockstep": True, "cars": -1}, "The parameter cars is -1; it must be at least 0"),
        ({"lockstep": 1}, "The parameter lockstep is 1; it must be true or false"),
    ],
)
def test_a_mistake_is_one_line(world, given, words):
    process = world(**given)
    assert process.wait() == 1
    assert process.output.startswith("Error: ")
    assert words in process.output
    assert process.output.count("\n") == 1


@pytest.mark.parametrize(
    ("rate", "wanted", "elapsed", "expected"),
    [
        (15.0, 15.0, 1.0, False),
        (0.0, 15.0, 0.05, False),  # the first step is due
        (1.0, 1.5, 1.0, False),  # of three in two seconds
        (0.0, 0.15, 1.0, False),
        (11.0, 15.0, 1.0, True),
        (120.0, 150.0, 1.0, True),
        (0.0, 0.15, 15.0, True),
    ],
)
def test_a_world_is_slow_when_steps_are_missing(rate, wanted, elapsed, expected):
    assert is_slow(rate, wanted, elapsed) == expected
