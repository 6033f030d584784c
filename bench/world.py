"""The embedded world against other simulators of a car with a camera, in one run.

`python -m bench.world` prints control steps per second, camera and physics together.
"""

import time

import numpy as np

from bench.peers import car_racing_steps_per_second, median_rate, pybullet_steps_per_second
from deepracer_sim.camera import load_camera
from deepracer_sim.track_files import load_track
from deepracer_sim.world import EmbeddedWorld

CARS = 64
ASKED = 200  # times CarRacing-v3, at 160x120 grey


def our_steps_per_second(width: int, height: int, colour: bool) -> float:
    """Time 64 cars that drive at random around re:Invent 2018, each with its camera.

    A car that leaves the arena is put back on the track; that time is counted.
    """
    track = load_track("reinvent_2018")
    world = EmbeddedWorld(track, CARS, camera=load_camera("aws_sim", width, height))
    random = np.random.default_rng(0)
    starts = np.arange(CARS) / CARS * track.length
    world.reset(np.arange(CARS), track.pose(starts))

    def step() -> float:
        start = time.perf_counter()
        world.step(random.uniform((-0.5, 0.5), (0.5, 3.0), (CARS, 2)))
        away = np.flatnonzero(np.hypot(world.states.x - 4.0, world.states.y - 2.5) > 5.0)
        if len(away):
            world.reset(away, track.pose(starts[away]))
        _ = world.frames_rgb() if colour else world.frames()
        return time.perf_counter() - start

    return median_rate(step, batch=CARS)


def main() -> None:
    """Print the table."""
    car_racing = car_racing_steps_per_second()
    rows = [
        ("embedded world, 160x120 grey", our_steps_per_second(160, 120, colour=False)),
        ("embedded world, 160x120 RGB", our_steps_per_second(160, 120, colour=True)),
        ("embedded world, 80x60 grey", our_steps_per_second(80, 60, colour=False)),
        ("embedded world, 80x60 RGB", our_steps_per_second(80, 60, colour=True)),
        ("CarRacing-v3, 96x96 RGB", (car_racing + car_racing_steps_per_second()) / 2),
        ("PyBullet racecar, 160x120 RGBA", pybullet_steps_per_second()),
    ]
    reference = rows[4][1]
    print(f"{'':32}{'steps/s':>10}{'x CarRacing':>14}")
    for name, rate in rows:
        print(f"{name:32}{rate:>10,.0f}{rate / reference:>14.1f}")
    print(f"asked of the first row: {ASKED} x CarRacing-v3")


if __name__ == "__main__":
    main()
