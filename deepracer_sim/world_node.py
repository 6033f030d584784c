"""The node `world`: a simulated world on topics, in real time or in lockstep with a trainer.

Its process holds the nodes `car` and `camera`, too: they stand apart in the graph, as the parts of
a physical car do.
"""

from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node

from deepracer_ros.diagnostics import report_diagnostics
from deepracer_ros.parameters import parameter
from deepracer_ros.process import started
from deepracer_sim import worlds
from deepracer_sim.camera import load_camera
from deepracer_sim.car import load_car
from deepracer_sim.errors import UserError
from deepracer_sim.race import Race
from deepracer_sim.randomize import OFF, PRESETS
from deepracer_sim.ros_lockstep import LockstepServer
from deepracer_sim.ros_real_time import RealTime
from deepracer_sim.ros_stage import Stage
from deepracer_sim.track_files import resolve_tracks
from deepracer_sim.world import World
from deepracer_sim.world_description import MOST_CARS, Names
from deepracer_sim.worlds import EMBEDDED, FLEET, GAZEBO, KINDS


def main() -> None:
    """Serve a world until the process is asked to end."""
    with started() as executor:
        node = Node("world")
        executor.add_node(node)
        lockstep = parameter(node, "lockstep", False, "Move when a trainer says so, not in time.")
        kind = parameter(node, "world", EMBEDDED, f"What simulates: {' or '.join(KINDS)}.")
        names = read_names(node)
        if kind == GAZEBO:  # which cannot randomise; the launch files ask for it as a rule
            names = names._replace(randomize=OFF)
        world = make_world(node, kind, names, lockstep)
        try:
            serve(node, executor, world, names if lockstep else None)
        finally:
            world.close()


def read_names(node: Node) -> Names:
    """What the parameters ask for."""
    return Names(
        parameter(
            node, "track", "reinvent_2018", "Shipped track, .yaml or .npy file, or random:1."
        ),
        parameter(node, "car", "aws_sim", "Car profile of config/car.yaml."),
        parameter(node, "camera", "aws_sim", "Camera preset of config/camera.yaml."),
        parameter(node, "randomize", OFF, f"Domain randomisation: {', '.join(PRESETS)}."),
    )


def make_world(node: Node, kind: str, names: Names, lockstep: bool) -> World:
    """Make the world that the parameters describe; one car, but in lockstep. Raises UserError."""
    text = f"Cars, in lockstep; 0: {FLEET[EMBEDDED]}, in Gazebo {FLEET[GAZEBO]}."
    cars = parameter(node, "cars", 0, text, low=0, high=MOST_CARS) or FLEET.get(kind, 1)
    gui = parameter(node, "gui", False, "Show Gazebo's window.")
    seed = parameter(node, "seed", 0, "Of a generated track and the randomisation.", low=0)
    tracks = resolve_tracks([names.track], seed)
    if len(tracks) != 1:
        raise UserError(f"The track {names.track!r} is {len(tracks)} tracks; a world has one.")
    car, camera = load_car(names.car), load_camera(names.camera)
    n = cars if lockstep else 1
    return worlds.make_world(kind, tracks[0], n, car, camera, names.randomize, seed, gui=gui)


def serve(
    node: Node, executor: SingleThreadedExecutor, world: World, lockstep: Names | None
) -> None:
    """Put a world on topics: in lockstep where that is given names, else in real time."""
    compressed = parameter(node, "compressed", False, "Publish JPEG images, too.")
    rtf = parameter(
        node, "rtf", 1.0, "Simulated seconds per second, in real time.", low=0.01, high=100.0
    )
    clockwise = parameter(node, "clockwise", False, "Drive against the track's own direction.")
    put_back = parameter(node, "put_back", True, "Put the car back when it has left the track.")
    # in lockstep, several worlds may be up, each with a time of its own
    stage = Stage(node, world, "clock" if lockstep else "/clock", compressed)
    executor.add_node(stage.car)
    executor.add_node(stage.camera)
    if lockstep:
        server = LockstepServer(node, stage, world, lockstep)
        report_diagnostics(node, server.report)
        server.run(executor)
    race = Race(world, clockwise=clockwise, put_back=put_back)
    pace = RealTime(node, stage, world, race, rtf)
    report_diagnostics(node, pace.report)
    pace.run(executor)
