"""What a node says of itself: rates, and which lines are worth a place in the log."""

from types import SimpleNamespace

import pytest

pytest.importorskip("rclpy")

from deepracer_ros.diagnostics import Level, Meter, is_news, publishers

BLIND, REFUSED = "no camera heard", "{} images refused: 320x240"


def test_a_meter_counts_since_it_was_read_last():
    times = iter([10.0, 11.5, 12.0, 12.5, 12.5])
    meter = Meter(lambda: next(times))
    for duration in (0.1, 0.2, 0.3):
        meter.add(duration)
    assert meter.elapsed == 1.5
    rate, slowest = meter.read()
    assert rate == pytest.approx(1.5)
    assert slowest == pytest.approx(0.298)  # between the last two
    meter.add()
    assert meter.read() == (2.0, 0.0)
    assert meter.read() == (0.0, 0.0)


def test_each_line_is_news_once_whatever_its_numbers_until_all_is_well():
    reports = [
        (Level.WARN, BLIND, True),
        (Level.WARN, BLIND, False),
        (Level.WARN, REFUSED.format(12), True),
        (Level.WARN, REFUSED.format(15), False),
        (Level.WARN, BLIND, False),
        (Level.ERROR, "broken", True),
        (Level.OK, "driving", False),
        (Level.WARN, BLIND, True),
    ]
    told = set()
    for level, message, expected in reports:
        assert is_news(level, message, told) == expected


def test_a_publisher_whose_name_is_not_known_is_told_in_words():
    found = [
        SimpleNamespace(node_namespace="/", node_name="teleop"),
        SimpleNamespace(node_namespace="/a/b", node_name="agent"),
        # As ROS's middleware puts it while the name has not come.
        SimpleNamespace(node_namespace="_NODE_NAMESPACE_UNKNOWN_", node_name="_NODE_NAME_UNKNOWN_"),
    ]
    node = SimpleNamespace(get_publishers_info_by_topic={"drive": found}.get)
    assert publishers(node, "drive") == ["/a/b/agent", "/teleop", "a node of unknown name"]
