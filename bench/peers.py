"""Two other simulators of a car with a camera, timed on this machine beside ours.

`python -m bench.peers` prints both. Each runs one car in this process, as its users run it.
"""

import statistics
import time
from collections.abc import Callable

import gymnasium
import numpy as np
import pybullet
import pybullet_data

WARM_UP = 1.0  # s
REPEATS = 5
SECONDS = 2.0  # s, of each repeat
SUBSTEPS = 16  # of PyBullet's default 1/240 s in one frame of 1/15 s


def median_rate(step: Callable[[], float], batch: int = 1) -> float:
    """Return the median steps/s of a few timed runs.

    step() does one step of `batch` cars, and returns the time that it took, s.
    """
    rate(step, WARM_UP)
    return batch * statistics.median(rate(step, SECONDS) for _ in range(REPEATS))


def rate(step: Callable[[], float], seconds: float) -> float:
    """Return the calls/s of calls that took `seconds` or a little more together."""
    calls, spent = 0, 0.0
    while spent < seconds:
        spent += step()
        calls += 1
    return calls / spent


def car_racing_steps_per_second() -> float:
    """Time Gymnasium's CarRacing-v3: random actions, its 96x96 RGB frames.

    Making a new track when an episode ends is not counted, to its advantage.
    """
    env = gymnasium.make("CarRacing-v3")
    env.reset(seed=0)
    env.action_space.seed(0)

    def step() -> float:
        start = time.perf_counter()
        _, _, terminated, truncated, _ = env.step(env.action_space.sample())
        took = time.perf_counter() - start
        if terminated or truncated:
            env.reset()
        return took

    try:
        return median_rate(step)
    finally:
        env.close()


def pybullet_steps_per_second() -> float:
    """Time PyBullet's racecar on a plane: random drive, a 160x120 TinyRenderer frame each 1/15 s.

    The camera is where the car's own model has it; the frame is RGBA, with depth, as it comes.
    """
    client = pybullet.connect(pybullet.DIRECT)
    try:
        pybullet.setAdditionalSearchPath(pybullet_data.getDataPath())
        pybullet.setGravity(0, 0, -9.81)
        pybullet.loadURDF("plane.urdf")
        car = pybullet.loadURDF("racecar/racecar.urdf", basePosition=[0, 0, 0.1])
        joints = {
            pybullet.getJointInfo(car, joint)[1].decode(): joint
            for joint in range(pybullet.getNumJoints(car))
        }
        projection = pybullet.computeProjectionMatrixFOV(
            fov=60, aspect=4 / 3, nearVal=0.01, farVal=20
        )
        random = np.random.default_rng(0)

        def step() -> float:
            start = time.perf_counter()
            drive(car, joints, angle=random.uniform(-0.5, 0.5), wheel_speed=random.uniform(0, 40))
            for _ in range(SUBSTEPS):
                pybullet.stepSimulation()
            pybullet.getCameraImage(
                160,
                120,
                viewMatrix=view_matrix(car, joints["zed_camera_joint"]),
                projectionMatrix=projection,
                renderer=pybullet.ER_TINY_RENDERER,
            )
            return time.perf_counter() - start

        return median_rate(step)
    finally:
        pybullet.disconnect(client)


def drive(car: int, joints: dict[str, int], angle: float, wheel_speed: float) -> None:
    """Command the front wheels' angle, rad, and all wheels' speed, rad/s."""
    for side in ("left", "right"):
        pybullet.setJointMotorControl2(
            car, joints[f"{side}_steering_hinge_joint"], pybullet.POSITION_CONTROL, angle
        )
        for end in ("front", "rear"):
            pybullet.setJointMotorControl2(
                car,
                joints[f"{side}_{end}_wheel_joint"],
                pybullet.VELOCITY_CONTROL,
                targetVelocity=wheel_speed,
                force=10,
            )


def view_matrix(car: int, camera: int) -> list[float]:
    """Return PyBullet's view matrix (16,) of a camera link that looks along its own x axis."""
    position, orientation = pybullet.getLinkState(car, camera)[:2]
    axes = np.reshape(pybullet.getMatrixFromQuaternion(orientation), (3, 3))
    return pybullet.computeViewMatrix(position, np.add(position, axes[:, 0]), axes[:, 2])


if __name__ == "__main__":
    print(f"CarRacing-v3, 96x96 RGB           {car_racing_steps_per_second():8.0f} steps/s")
    print(f"PyBullet racecar, 160x120 RGBA    {pybullet_steps_per_second():8.0f} steps/s")
