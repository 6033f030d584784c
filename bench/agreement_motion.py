"""The same commands through the embedded world and Gazebo: how far apart the cars are then."""

import math
from typing import NamedTuple

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from deepracer_sim.car import DT, CarParameters, load_car
from deepracer_sim.gazebo.world import GazeboWorld
from deepracer_sim.track import Track
from deepracer_sim.track_plot import draw_track
from deepracer_sim.world import EmbeddedWorld, World

Array = NDArray[np.float64]

AHEAD = {"1 s": 15, "3 s": 45}  # steps
EVERY = 5  # steps from one window to the next
SECONDS = 4.0  # of a drive other than a lap
LAP = "a lap, 1 and 2 m/s"
FIRST = np.array([0])  # the only car


class Drive(NamedTuple):
    """What one car is told, from rest at a pose."""

    start: Array  # (3,) x m, y m, yaw rad
    commands: Array  # (steps, 2) steering angle rad, speed m/s


class Paths(NamedTuple):
    """The poses (steps + 1, 3) to which the commands of one drive led."""

    embedded: Array
    gazebo: Array


def steering_step(speed: float, degrees: float) -> Array:
    """Return commands (steps, 2): from rest to a speed, after 1 s from straight to an angle."""
    steering = np.where(_times() < 1.0, 0.0, math.radians(degrees))
    return np.column_stack([steering, np.full_like(steering, speed)])


def speed_step(degrees: float) -> Array:
    """Return commands (steps, 2): from rest to 1 m/s, to 2 m/s and back, at one angle."""
    speed = np.where(abs(_times() - 2.0) < 0.7, 2.0, 1.0)
    return np.column_stack([np.full_like(speed, math.radians(degrees)), speed])


def slalom(speed: float, degrees: float, period: float) -> Array:
    """Return commands (steps, 2): left and right by turns, once in a period (s)."""
    steering = math.radians(degrees) * np.cos(_times() * 2 * math.pi / period)
    return np.column_stack([steering, np.full_like(steering, speed)])


def _times() -> Array:
    return DT * np.arange(round(SECONDS / DT), dtype=np.float64)


def lap(track: Track) -> Array:
    """Return the commands (steps, 2) of a lap: a driver without a model, in the embedded world.

    It chooses among 7 angles, and 2 m/s on straights and 1 m/s in bends: one of the recorded
    job's actions at each step.
    """
    world = EmbeddedWorld(track)
    commands: list[tuple[float, float]] = []
    driven, last = 0.0, 0.0
    while driven < track.length:
        s = float(track.locate((world.states.x[0], world.states.y[0])).s)
        driven, last = driven + float(track.wrap(s - last)), s
        commands.append(_pursue(track, s, world.states[:3], load_car()))
        world.step(np.array([commands[-1]]))
    return np.array(commands)


def _pursue(
    track: Track, s: float, pose: tuple[Array, ...], car: CarParameters
) -> tuple[float, float]:
    """Return an action by pure pursuit (Coulter 1992) of a point 0.8 m ahead on the track."""
    x, y, yaw = (float(value[0]) for value in pose)
    dx, dy = track.pose(s + 0.8)[:2] - (x, y)
    aside = dy * math.cos(yaw) - dx * math.sin(yaw)
    angle = math.atan2(2 * car.wheelbase * aside, dx * dx + dy * dy) / car.steering_gain
    early = 1.5  # more than the curve asks for, since the servo is slow
    steps = min(max(round(math.degrees(early * angle) / 10), -3), 3)
    return math.radians(10 * steps), 1.0 if abs(steps) > 1 else 2.0


def drives(track: Track) -> dict[str, list[Drive]]:
    """Return all drives by kind. They keep away from the walls of `track`."""
    middle, west = np.array([3.0, 2.6, 0.0]), np.array([1.0, 2.6, 0.0])
    angles = (-30, -20, -10, 10, 20, 30)
    slaloms = [
        slalom(speed, degrees, period)
        for speed in (1.0, 2.0)
        for degrees in (-20, -10, 10, 20)
        for period in (1.0, 1.5, 2.0)
    ]
    return {
        "steering steps, 1 m/s": [Drive(middle, steering_step(1.0, angle)) for angle in angles],
        "steering steps, 2 m/s": [Drive(middle, steering_step(2.0, angle)) for angle in angles],
        "speed steps, 1 and 2 m/s": [Drive(west, speed_step(angle)) for angle in (0, *angles)],
        "slalom, 1 and 2 m/s": [Drive(west, commands) for commands in slaloms],
        LAP: [Drive(track.pose(0.0), lap(track))],
    }


def drive(world: World, start: Array, commands: Array) -> Array:
    """Return the poses (steps + 1, 3) of a car from rest at `start` on."""
    world.reset(FIRST, start[None])
    states = [world.states, *(world.step(command[None]) for command in commands)]
    return np.array(states)[:, :3, 0]


def apart(paths: Paths, ahead: int, every: int = EVERY) -> Array:
    """Return how far apart windows of a drive end, (windows, 2): m and rad.

    A window is `ahead` steps long. Each world's motion counts from its own pose at the window's
    beginning, so that what was apart before does not count.
    """
    difference = _moved(paths.gazebo, ahead, every) - _moved(paths.embedded, ahead, every)
    return np.column_stack([np.hypot(*difference[:, :2].T), abs(difference[:, 2])])


def _moved(poses: Array, ahead: int, every: int) -> Array:
    """Return motion in windows (windows, 3), in the car's frame at each one's beginning."""
    begin, end = poses[:-ahead:every], poses[ahead::every]
    (dx, dy, turned), yaw = (end - begin).T, begin[:, 2]
    forward, left = dx * np.cos(yaw) + dy * np.sin(yaw), dy * np.cos(yaw) - dx * np.sin(yaw)
    return np.column_stack([forward, left, turned])


def compare_motion(track: Track) -> Figure:
    """Drive all drives in both worlds; print the table and return the plot."""
    embedded, gazebo = EmbeddedWorld(track), GazeboWorld(track)
    try:
        kinds = {
            kind: [Paths(drive(embedded, *each), drive(gazebo, *each)) for each in some]
            for kind, some in drives(track).items()
        }
    finally:
        gazebo.close()
    kinds["all"] = [paths for some in kinds.values() for paths in some]
    print(f"Apart after the same commands: median, 90 % (cm); median, 90 % (deg), {track.name}")
    print(f"{'':26}{'windows':>9}" + "".join(f" | {name:28}" for name in AHEAD))
    for kind, some in kinds.items():
        print(_row(kind, some))
    print("asked: after 1 s at 1 to 2 m/s a median of 3 cm and 3 deg")
    return _draw(track, kinds)


def _row(kind: str, some: list[Paths]) -> str:
    line, count = "", 0
    for ahead in AHEAD.values():
        windows = np.concatenate([apart(paths, ahead) for paths in some])
        count = count or len(windows)
        figures = np.percentile(windows, [50, 90], axis=0)
        (near, near_yaw), (far, far_yaw) = figures * (100.0, math.degrees(1.0))
        line += f" | {near:6.1f} {far:6.1f} {near_yaw:7.1f} {far_yaw:6.1f}"
    return f"{kind:26}{count:9d}{line}"


def _draw(track: Track, kinds: dict[str, list[Paths]]) -> Figure:
    """Draw the lap's two paths, from the same commands, and how what is apart grows with time."""
    figure = Figure(figsize=(12.0, 5.0), layout="constrained")
    left, middle, right = figure.subplots(1, 3, width_ratios=(1.6, 1, 1))
    draw_track(left, track)
    (path,) = kinds[LAP]
    for name, poses in path._asdict().items():
        left.plot(*poses[:, :2].T, label=name, zorder=7)
    left.set_title("a lap's commands from the start line on")
    left.legend()
    steps = range(1, max(AHEAD.values()) + 1)
    for kind, some in kinds.items():
        windows = [np.concatenate([apart(paths, ahead) for paths in some]) for ahead in steps]
        medians = np.array([np.median(each, axis=0) for each in windows])
        for axes, values in ((middle, 100 * medians[:, 0]), (right, np.degrees(medians[:, 1]))):
            axes.plot(np.array(steps) * DT, values, label=kind)
    middle.set(xlabel="time ahead (s)", ylabel="position apart, median (cm)", ylim=0)
    right.set(xlabel="time ahead (s)", ylabel="yaw apart, median (deg)", ylim=0)
    lines = right.get_legend_handles_labels()
    figure.legend(*lines, loc="outside lower center", ncols=len(kinds))
    return figure
