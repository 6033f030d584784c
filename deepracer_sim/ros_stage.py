"""What a simulated world shows on topics, in real time and in lockstep alike."""

from collections.abc import Callable

from nav_msgs.msg import Path
from rclpy.node import Node
from rosgraph_msgs.msg import Clock
from visualization_msgs.msg import MarkerArray

from deepracer_ros.messages import to_time
from deepracer_ros.topics import CLOCK, LATCHED
from deepracer_sim.car import CarStates
from deepracer_sim.ground import Frame
from deepracer_sim.ros_car import CameraNode, CarNode
from deepracer_sim.ros_messages import to_centerline, to_track_markers
from deepracer_sim.world import World

STEPS_PER_SECOND = 15  # of simulated time


def nanoseconds(steps: int) -> int:
    """The simulated time after so many control periods, ns."""
    return steps * 10**9 // STEPS_PER_SECOND


class Stage:
    """The clock, the track, one car and its camera."""

    def __init__(self, node: Node, world: World, clock: str, compressed: bool) -> None:
        """Publish the track on a node, and make the nodes `car` and `camera` beside it.

        clock: topic of the simulated time.
        """
        self.car = CarNode(world.car, world.camera)
        self.camera = CameraNode(world.camera, compressed)
        self._clock = node.create_publisher(Clock, clock, CLOCK)
        stamp = to_time(0)
        self._markers = node.create_publisher(MarkerArray, "track", LATCHED)
        self._markers.publish(to_track_markers(world.track, stamp))
        self._centerline = node.create_publisher(Path, "track/centerline", LATCHED)
        self._centerline.publish(to_centerline(world.track, stamp))

    def show(self, steps: int, states: CarStates, frame: Callable[[], Frame]) -> None:
        """Tell those who listen the time and how the first car is; `frame` gives its view."""
        stamp = to_time(nanoseconds(steps))
        if self._clock.get_subscription_count():
            self._clock.publish(Clock(clock=stamp))
        self.car.show(states, stamp)
        if self.camera.topics.is_watched:
            self.camera.topics.show(frame(), stamp)
