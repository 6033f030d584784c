"""A drive in hindsight: what was done, and beside it what an agent would have done."""

import io
import math
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from deepracer_agent.actions import Command
from deepracer_sim.errors import UserError
from deepracer_sim.files import write_atomic

Array = NDArray[np.float64]

IMAGE, COMPRESSED, DRIVE = "camera/image_raw", "camera/image_raw/compressed", "drive"
_TYPES = {
    IMAGE: "sensor_msgs/msg/Image",
    COMPRESSED: "sensor_msgs/msg/CompressedImage",
    DRIVE: "ackermann_msgs/msg/AckermannDriveStamped",
}

_AGREED_DEG = 5.0  # two steering angles that are no further apart agree
_NONE = Command(math.nan, math.nan)


class Recorded(NamedTuple):
    """A command that was given: when, ns, and the stamp of the image that it answered, ns."""

    time: int
    stamp: int
    command: Command


class Comparison(NamedTuple):
    """How two drivers differ. Angles in deg, speeds in m/s; NaN where there is nothing to say."""

    images: int
    answered: int
    compared: int
    steering_difference: float
    steering_rms: float
    steering_correlation: float
    steering_agreement: float  # share of the images, 0 to 1
    speed_difference: float


def choose_topics(types: Mapping[str, str], namespace: str) -> tuple[str, str | None]:
    """The camera's topic and its car's drive topic, if there is one, among a bag's, whose types
    are given by name.

    Of several cameras it is the one in `namespace`. Raises UserError where that leaves none, or
    more than one.
    """
    for kind in (IMAGE, COMPRESSED):
        cameras = sorted(
            name for name in types if name.endswith(f"/{kind}") and types[name] == _TYPES[kind]
        )
        own = f"{namespace.rstrip('/')}/{kind}"
        if own in cameras:
            cameras = [own]
        if len(cameras) > 1:
            raise UserError(
                f"The bag has several cameras: {', '.join(cameras)}. "
                "Start the nodes in the namespace of the one that is meant."
            )
        if cameras:
            drive = cameras[0].removesuffix(kind) + DRIVE
            return cameras[0], drive if types.get(drive) == _TYPES[DRIVE] else None
    raise UserError(
        f"The bag has no camera images, on no topic {IMAGE} or {COMPRESSED}. "
        f"Its topics are: {', '.join(sorted(types)) or 'none'}."
    )


class Replay:
    """Pairs what the agent answers with what was done."""

    def __init__(self, recorded: Sequence[Recorded]) -> None:
        """Take the commands that were given, in the order of time."""
        self._recorded = recorded
        self._times = [one.time for one in recorded]
        self._by_stamp: dict[int, list[Recorded]] = defaultdict(list)
        for one in recorded:
            self._by_stamp[one.stamp].append(one)
        self._rows: list[tuple[int, Command, Command]] = []
        self.answered = 0

    def add(self, time: int, stamp: int, answer: Command | None) -> None:
        """Take the agent's answer to the image that was recorded at `time` with `stamp`, ns."""
        self._rows.append((time, self._done(time, stamp), answer or _NONE))
        self.answered += answer is not None

    def _done(self, time: int, stamp: int) -> Command:
        """The command that answered this image, else the last one before it."""
        answers = self._by_stamp.get(stamp)
        if answers:  # several where the clock was set back
            return min(answers, key=lambda one: abs(one.time - time)).command
        before = bisect_right(self._times, time)
        return self._recorded[before - 1].command if before else _NONE

    def traces(self) -> tuple[Array, Array, Array]:
        """Times (n,), s from the first image, and both drivers' commands (n, 2): steering angle,
        rad, and speed, m/s; NaN where there was none.
        """
        times, done, would = (list(column) for column in zip(*self._rows, strict=True))
        seconds = (np.array(times, np.int64) - times[0]) / 1e9
        return seconds, np.array(done, float), np.array(would, float)

    def compare(self) -> Comparison:
        """Put the differences in figures."""
        _, done, would = self.traces()
        both = np.flatnonzero(np.isfinite(done + would).all(axis=1))
        difference = np.abs(done - would)[both]
        steering = np.degrees(difference[:, 0])
        return Comparison(
            images=len(done),
            answered=self.answered,
            compared=len(both),
            steering_difference=_mean(steering),
            steering_rms=math.sqrt(_mean(steering**2)),
            steering_correlation=_correlation(done[both, 0], would[both, 0]),
            steering_agreement=_mean(steering <= _AGREED_DEG),
            speed_difference=_mean(difference[:, 1]),
        )


def table(comparison: Comparison) -> str:
    """The comparison in words, a line each."""
    c = comparison
    rows = [
        ("images", f"{c.images}"),
        ("answered by the agent", f"{c.answered}"),
        ("unanswered", f"{c.images - c.answered}"),
        ("compared with what was done", f"{c.compared}"),
        ("steering, mean difference", f"{c.steering_difference:.2f} deg"),
        ("steering, RMS difference", f"{c.steering_rms:.2f} deg"),
        ("steering, correlation", f"{c.steering_correlation:.3f}"),
        (f"steering within {_AGREED_DEG:g} deg", f"{100 * c.steering_agreement:.0f} %"),
        ("speed, mean difference", f"{c.speed_difference:.2f} m/s"),
    ]
    return "\n".join(f"{name:28} {value:>11}" for name, value in rows if "nan" not in value)


def plot(replay: Replay, title: str, path: Path) -> None:
    """Write a PNG of both drivers' steering and speed over time. Raises UserError."""
    from matplotlib.figure import Figure

    times, done, would = replay.traces()
    figure = Figure(figsize=(12.0, 6.0), layout="constrained")
    steering, speed = figure.subplots(2, 1, sharex=True, height_ratios=(2, 1))
    for commands, label, color, width in (
        (done, "recorded", "tab:gray", 3.0),  # so that it shows below an equal one
        (would, "agent", "tab:orange", 1.2),
    ):
        if np.isfinite(commands).any():
            style = {"color": color, "linewidth": width, "drawstyle": "steps-post"}
            steering.plot(times, np.degrees(commands[:, 0]), label=label, **style)
            speed.plot(times, commands[:, 1], **style)
    low, high = steering.get_ylim()
    steering.set(ylabel="steering (deg, left positive)", ylim=(min(low, -32.0), max(high, 32.0)))
    speed.set(xlabel="time (s)", ylabel="speed (m/s)")
    low, high = speed.get_ylim()
    speed.set_ylim(min(0.0, low), 1.1 * high)
    for axes in (steering, speed):
        axes.grid(alpha=0.3)
    figure.suptitle(title)
    figure.legend(loc="outside upper right", ncols=2)
    picture = io.BytesIO()
    figure.savefig(picture, format="png", dpi=120)
    write_atomic(path, picture.getvalue())


def _mean(values: Array | NDArray[np.bool_]) -> float:
    return float(values.mean()) if len(values) else math.nan


def _correlation(a: Array, b: Array) -> float:
    """Pearson's; NaN where one of the two never changes."""
    if len(a) < 2 or np.ptp(a) == 0.0 or np.ptp(b) == 0.0:
        return math.nan
    return float(np.corrcoef(a, b)[0, 1])
