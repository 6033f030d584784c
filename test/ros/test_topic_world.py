"""A world behind topics is the same world, bit by bit, and it may die and come back."""

import threading

import numpy as np
import pytest
from builtin_interfaces.msg import Time
from sensor_msgs.msg import Image
from std_msgs.msg import Float32MultiArray, String

from deepracer_ros.process import served as served_in_thread
from deepracer_ros.topics import LATCHED
from deepracer_sim.camera import load_camera
from deepracer_sim.car import load_car
from deepracer_sim.errors import UserError
from deepracer_sim.lockstep import Lockstep
from deepracer_sim.ros_fleet import (
    DRIVE,
    IMAGE,
    STATE,
    WORLD,
    read_request,
    to_frames,
    to_state,
)
from deepracer_sim.ros_world import Closed, TopicWorld
from deepracer_sim.track_files import load_track
from deepracer_sim.world import EmbeddedWorld
from deepracer_sim.world_description import Names, describe

from .conftest import TIMEOUT

CARS = 8


@pytest.fixture
def served(domain, start):
    """A node that is served in another thread, as the trainer's is. It ends before the world."""
    import rclpy

    context = rclpy.Context()
    context.init(domain_id=domain)
    with served_in_thread(rclpy.create_node("driver", context=context)) as node:
        yield node
    context.shutdown()


@pytest.fixture
def start_world(start):
    def begin(**parameters):
        return start("world_node", lockstep=True, cars=CARS, **parameters)

    return begin


def assert_equal(ours, theirs):
    for name, mine, other in zip(ours.states._fields, ours.states, theirs.states, strict=True):
        np.testing.assert_array_equal(mine, other, err_msg=name)
    np.testing.assert_array_equal(ours.frames(), theirs.frames())


def test_a_thousand_steps_are_those_of_the_embedded_world(start_world, served):
    start_world(track="hairpins")
    world = TopicWorld(served)
    here = EmbeddedWorld(load_track("hairpins"), CARS)
    random = np.random.default_rng(0)
    assert_equal(world, here)
    for k in range(1000):
        commands = random.uniform([-0.6, -0.5], [0.6, 4.5], (CARS, 2))
        world.step(commands)
        here.step(commands)
        if k % 50 == 0:
            cars = random.permutation(CARS)[: random.integers(1, CARS)]
            poses = here.track.pose(random.uniform(0, here.track.length, len(cars)))
            world.reset(cars, poses)
            here.reset(cars, poses)
        assert_equal(world, here)
    np.testing.assert_array_equal(world.frames(np.array([2, 5])), here.frames(np.array([2, 5])))
    world.close()


def test_a_randomised_world_is_nominal_for_who_asks(start_world, served):
    start_world(track="oval", randomize="strong")
    world, here = TopicWorld(served), EmbeddedWorld(load_track("oval"), CARS)
    assert world.names.randomize == "strong"
    assert np.abs(world.frames().astype(int) - here.frames()).max() > 0
    poses = here.track.pose(np.linspace(0.0, here.track.length, CARS))
    for each in (world, here):
        each.reset(np.arange(CARS), poses, nominal=True)
    for _ in range(20):
        world.step(np.full((CARS, 2), [0.1, 2.0]))
        here.step(np.full((CARS, 2), [0.1, 2.0]))
        assert_equal(world, here)
    world.close()


def test_the_world_tells_what_it_is_made_of(start_world, served):
    start_world(track="oval", car="deepracer", camera="deepracer_lens")
    world = TopicWorld(served)
    track = load_track("oval")
    assert world.n == CARS
    np.testing.assert_array_equal(world.track.center, track.center)
    np.testing.assert_array_equal(world.track.waypoints, track.waypoints)
    assert vars(world.car) == vars(load_car("deepracer"))
    assert world.camera == load_camera("deepracer_lens")


def test_a_world_that_is_killed_and_started_anew_goes_on_where_the_cars_were(start_world, served):
    first = start_world()
    world = TopicWorld(served)
    for _ in range(20):
        world.step(np.full((CARS, 2), [0.1, 2.0]))
    x, y, yaw = world.states[:3]
    first.kill()
    start_world()
    world.step(np.full((CARS, 2), [0.1, 2.0]))
    np.testing.assert_allclose(world.states.x, x, atol=0.05)
    np.testing.assert_allclose(world.states.y, y, atol=0.05)
    np.testing.assert_allclose(world.states.yaw, yaw, atol=0.05)
    assert (world.states.speed < 1.0).all()


def test_a_world_that_comes_back_as_another_is_refused(start_world, served):
    first = start_world()
    world = TopicWorld(served)
    first.kill()
    start_world(track="oval")
    with pytest.raises(UserError, match="another track"):
        for _ in range(100):
            world.step(np.zeros((CARS, 2)))


def test_the_world_may_start_after_its_driver(start_world, served):
    worlds = []
    thread = threading.Thread(target=lambda: worlds.append(TopicWorld(served)))
    thread.start()
    start_world()
    thread.join(TIMEOUT)
    assert worlds[0].n == CARS


def test_closing_ends_the_wait(start_world, served):
    first = start_world()
    world = TopicWorld(served)
    first.kill()
    errors = []

    def step():
        try:
            world.step(np.zeros((CARS, 2)))
        except Closed as error:
            errors.append(error)

    thread = threading.Thread(target=step)
    thread.start()
    world.close()
    thread.join(TIMEOUT)
    assert errors


class Liar:
    """A world of someone's own, each of whose true answers comes after a wrong one."""

    def __init__(self, node, world, spoil):
        self._node, self._world, self._spoil = node, world, spoil
        self._lockstep = Lockstep(world)
        self._state = node.create_publisher(Float32MultiArray, STATE, 10)
        self._image = node.create_publisher(Image, IMAGE, 10)
        described = node.create_publisher(String, WORLD, LATCHED)
        names = Names("oval", "aws_sim", "aws_sim", "off")
        described.publish(String(data=describe(world, names)))
        node.create_subscription(Float32MultiArray, DRIVE, self._hear, 10)

    def _hear(self, message):
        answer = self._lockstep.answer(read_request(message))
        if answer.cars is None:
            self._state.publish(to_state(answer))
            return
        true = answer.states, self._world.frames(answer.cars)
        for states, frames in (self._spoil(*true), true):
            self._state.publish(to_state(answer._replace(states=states)))
            self._image.publish(to_frames(answer.header, frames, Time()))


@pytest.mark.parametrize(
    "spoil",
    [
        lambda states, frames: (states[:-1], frames),
        lambda states, frames: (states[:0], frames),
        lambda states, frames: (states * np.nan, frames),
        lambda states, frames: (states, frames[:-1]),
        lambda states, frames: (states, np.repeat(frames, 2, axis=0)),
        lambda states, frames: (states, frames[:, :-1]),
    ],
)
def test_answers_that_are_wrong_are_refused(spoil, served, domain):
    import rclpy

    track, poses = load_track("oval"), np.zeros((2, 3))
    here = EmbeddedWorld(track, CARS)
    context = rclpy.Context()
    context.init(domain_id=domain)
    with served_in_thread(rclpy.create_node("liar", context=context)) as node:
        liar = Liar(node, EmbeddedWorld(track, CARS), spoil)
        world = TopicWorld(served)
        for k in range(5):
            for each in (world, here):
                each.step(np.full((CARS, 2), [0.1, 2.0]))
                if k % 2:
                    each.reset(np.array([3, 1]), poses)
            assert_equal(world, here)
        del liar
    context.shutdown()


def test_commands_that_make_no_sense_are_refused_before_they_are_sent(start_world, served):
    start_world()
    world = TopicWorld(served)
    with pytest.raises(ValueError, match="shape"):
        world.step(np.zeros((CARS + 1, 2)))
    with pytest.raises(ValueError, match="finite"):
        world.step(np.full((CARS, 2), np.nan))


def test_garbage_does_not_stop_the_world(start_world, served):
    start_world()
    world = TopicWorld(served)
    publisher = served.create_publisher(Float32MultiArray, "fleet/drive", 10)
    for k in range(1000):
        publisher.publish(Float32MultiArray(data=[float("nan")] * (k % 40)))
    before = world.states
    world.step(np.full((CARS, 2), [0.0, 1.0]))
    assert (world.states.speed > before.speed).all()
