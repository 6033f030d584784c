"""A drive in hindsight: the pairing of commands, the figures, the plot."""

import math

import numpy as np
import pytest

from deepracer_agent.actions import Command
from deepracer_agent.replay import Recorded, Replay, choose_topics, plot, table
from deepracer_sim.errors import UserError


def replay_of(done, would, delay=3):
    """A replay of images 10 ns apart that were answered, then and now, as given."""
    recorded = [
        Recorded(10 * k + delay, 10 * k, command)
        for k, command in enumerate(done)
        if command is not None
    ]
    replay = Replay(recorded)
    for k, answer in enumerate(would):
        replay.add(10 * k, 10 * k, answer)
    return replay


def test_a_command_belongs_to_the_image_whose_stamp_it_carries():
    done = [Command(0.1 * k, 1.0 + k) for k in range(5)]
    replay = replay_of(done, done, delay=25)  # answers that came two images later
    _, was, would = replay.traces()
    assert was.tolist() == would.tolist() == [list(command) for command in done]


def test_without_stamps_it_is_the_last_command_before_the_image():
    given = [Recorded(15, 0, Command(0.1, 1.0)), Recorded(25, 0, Command(0.2, 1.0))]
    replay = Replay(given)
    for time in (10, 20, 25, 40):
        replay.add(time, 1000 + time, None)
    _, was, would = replay.traces()
    assert was[:, 0].tolist()[1:] == [0.1, 0.2, 0.2]
    assert np.isnan(was[0]).all()
    assert np.isnan(would).all()


def test_of_equal_stamps_the_nearer_in_time_counts():
    given = [Recorded(11, 7, Command(0.1, 1.0)), Recorded(1011, 7, Command(0.2, 1.0))]
    replay = Replay(given)
    replay.add(10, 7, None)
    replay.add(1010, 7, None)
    assert replay.traces()[1][:, 0].tolist() == [0.1, 0.2]


def test_the_figures_are_those_of_the_images_that_both_answered():
    deg = math.radians
    done = [Command(deg(10), 1.0), Command(deg(-10), 2.0), Command(deg(5), 1.0), None]
    would = [Command(deg(14), 1.5), Command(deg(-20), 2.0), None, Command(0.0, 1.0)]
    done[3] = Command(math.nan, 1.0)  # as if there had been none
    found = replay_of(done, would).compare()
    assert (found.images, found.answered, found.compared) == (4, 3, 2)
    assert found.steering_difference == pytest.approx(7.0)
    assert found.steering_rms == pytest.approx(math.sqrt((16 + 100) / 2))
    assert found.steering_correlation == pytest.approx(1.0)
    assert found.steering_agreement == 0.5
    assert found.speed_difference == pytest.approx(0.25)


def test_what_cannot_be_said_is_left_out_of_the_table():
    words = table(replay_of([], [Command(0.1, 1.0), None]).compare())
    assert "unanswered" in words
    assert " nan" not in words
    assert "steering" not in words
    straight = [Command(0.0, 1.0)] * 3
    assert "correlation" not in table(replay_of(straight, straight).compare())


@pytest.mark.parametrize("done", [True, False])
def test_the_plot_is_a_png(tmp_path, done):
    commands = [Command(0.1 * math.sin(k), 1.0) for k in range(20)]
    plot(replay_of(commands if done else [], commands), "bag", tmp_path / "replay.png")
    assert (tmp_path / "replay.png").read_bytes().startswith(b"\x89PNG")


def typed(names):
    """Topics of the types that their names let expect."""
    kinds = {"image_raw": "Image", "compressed": "CompressedImage"}
    return {
        name: f"sensor_msgs/msg/{kinds[name.rpartition('/')[2]]}"
        if "camera" in name
        else "ackermann_msgs/msg/AckermannDriveStamped"
        for name in names
    }


@pytest.mark.parametrize(
    ("names", "namespace", "found"),
    [
        (["/camera/image_raw", "/drive", "/odom"], "/", ("/camera/image_raw", "/drive")),
        (["/camera/image_raw", "/a/drive"], "/", ("/camera/image_raw", None)),
        (["/a/camera/image_raw", "/a/drive"], "/", ("/a/camera/image_raw", "/a/drive")),
        (["/a/camera/image_raw", "/b/camera/image_raw"], "/b", ("/b/camera/image_raw", None)),
        (
            ["/camera/image_raw/compressed", "/drive"],
            "/",
            ("/camera/image_raw/compressed", "/drive"),
        ),
        (
            ["/camera/image_raw/compressed", "/camera/image_raw"],
            "/",
            ("/camera/image_raw", None),
        ),
    ],
)
def test_the_camera_is_found(names, namespace, found):
    assert choose_topics(typed(names), namespace) == found


@pytest.mark.parametrize(
    ("names", "words"),
    [
        ([], "no camera images.*none"),
        (["/drive", "/odom"], "no camera images.*/drive, /odom"),
        (["/a/camera/image_raw", "/b/camera/image_raw"], "several cameras: /a/.*, /b/"),
    ],
)
def test_no_camera_or_more_than_one_is_told(names, words):
    with pytest.raises(UserError, match=words):
        choose_topics(typed(names), "/")


def test_a_topic_of_another_type_is_not_taken():
    types = typed(["/camera/image_raw", "/drive"])
    assert choose_topics({**types, "/drive": "geometry_msgs/msg/Twist"}, "/")[1] is None
    with pytest.raises(UserError, match="no camera images"):
        choose_topics({**types, "/camera/image_raw": "std_msgs/msg/String"}, "/")
