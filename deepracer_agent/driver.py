"""The driver at the wheel: camera frames in, drive commands out, with a watch on the camera.

This is what runs on the car, so it needs numpy and onnxruntime and nothing heavier. Times are
integers, ns, of one clock: that of the images' stamps, wall or simulated.
"""

from deepracer_agent.actions import MAX_SPEED, Command
from deepracer_agent.frame import FRAME_HEIGHT, FRAME_WIDTH, Frame
from deepracer_agent.policy import Policy
from deepracer_sim.grey import grey

LONGEST_BLIND = 200_000_000  # ns that the car may drive on what it saw last
STOP = Command(0.0, 0.0)


class Driver:
    """Drives by a policy. Its three attributes may be changed between two frames."""

    def __init__(
        self, policy: Policy, max_speed: float = MAX_SPEED, throttle_scale: float = 1.0
    ) -> None:
        """Drive at `throttle_scale` times the policy's speed, and at most at `max_speed`, m/s."""
        self.policy = policy
        self.max_speed = max_speed
        self.throttle_scale = throttle_scale
        self._seen: int | None = None

    def drive(self, frame: Frame, stamp: int, now: int) -> Command:
        """The answer to a frame, grey (120, 160) or colour (120, 160, 3), taken at `stamp`.

        Raises ValueError for a frame of another size, for one that is too old or from the future,
        and where the policy gives no finite command.
        """
        _check_stamp(stamp, now)
        steering_angle, speed = self.policy.drive(_one_grey(frame))[0].tolist()
        self._seen = stamp
        return Command(steering_angle, min(speed * self.throttle_scale, self.max_speed))

    def is_blind(self, now: int) -> bool:
        """Whether the last good frame is too old to drive by, or none has come yet.

        So it is after the clock has jumped, forwards or back, until a frame comes that fits it.
        """
        return self._seen is None or not abs(now - self._seen) < LONGEST_BLIND


def _check_stamp(stamp: int, now: int) -> None:
    if abs(now - stamp) >= LONGEST_BLIND:
        off = f"{abs(now - stamp) / 1e9:.1f} s " + ("old" if now > stamp else "in the future")
        raise ValueError(
            f"the image is {off} by the clock here (do both use the same clock, or use_sim_time?)"
        )


def _one_grey(frame: Frame) -> Frame:
    """The frame as the policy takes it, (1, 120, 160)."""
    size = FRAME_HEIGHT, FRAME_WIDTH
    if frame.shape not in (size, (*size, 3)):
        height, width, *rest = frame.shape
        found = "x".join(map(str, (width, height, *rest)))
        raise ValueError(f"the image is {found}, the policy takes {FRAME_WIDTH}x{FRAME_HEIGHT}")
    return (grey(frame) if frame.ndim == 3 else frame)[None]
