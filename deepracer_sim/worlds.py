"""Worlds by name: what may simulate."""

from deepracer_sim.camera import Camera
from deepracer_sim.car import CarParameters
from deepracer_sim.errors import UserError
from deepracer_sim.randomize import OFF
from deepracer_sim.randomized_world import Seed, embedded_world
from deepracer_sim.track import Track
from deepracer_sim.world import World

EMBEDDED, GAZEBO = "embedded", "gazebo"
KINDS = (EMBEDDED, GAZEBO)
FLEET = {EMBEDDED: 32, GAZEBO: 2}
"""Cars of a world that is asked for without a number, in lockstep."""
MOST_GAZEBO_CARS = 16  # each is a server of its own, with 0.4 GB


def make_world(
    kind: str,
    track: Track,
    n: int,
    car: CarParameters,
    camera: Camera,
    randomize: str = OFF,
    seed: Seed = 0,
    *,
    gui: bool = False,
) -> World:
    """Make a world of n cars, randomised where it is the embedded one.

    gui: show Gazebo's window. Raises UserError for an unknown kind or preset, and where Gazebo
    fails.
    """
    if kind == EMBEDDED:
        if gui:
            raise UserError("gui shows Gazebo's window; the embedded world is seen in RViz.")
        return embedded_world(track, n, car, camera, randomize, seed)
    if kind != GAZEBO:
        raise UserError(f"There is no world {kind!r}. Choose one of: {', '.join(KINDS)}.")
    if n > MOST_GAZEBO_CARS:
        raise UserError(
            f"{n} cars are too many for Gazebo, where each is a server of its own with 0.4 GB: "
            f"use {MOST_GAZEBO_CARS} at most; 2 keep two processors busy."
        )
    from deepracer_sim.gazebo.world import GazeboWorld  # only where it is wanted

    return GazeboWorld(track, n, car, camera, gui=gui)
