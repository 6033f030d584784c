"""The trace of every step, as the CSV files that DeepRacer's analysis tools read.

The 19 columns of DeepRacer's SIM_TRACE_LOG, one file per iteration. The files speak degrees;
what comes in here is SI (progress in percent), as elsewhere.
"""

from collections.abc import Sequence
from datetime import datetime
from itertools import count, repeat
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from deepracer_agent.config_file import read_text
from deepracer_sim.errors import UserError
from deepracer_sim.files import write_atomic
from deepracer_sim.referee import Status, Verdict
from deepracer_sim.track import Track

Array = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

MAX_BYTES = 512_000_000  # of a file that is read
_FORMAT = "%d,%d,%.4f,%.4f,%.4f,%.2f,%.2f,%s,%.4f,%s,%s,%.4f,%d,%.2f,%s,%s,%.2f,%d,%.4f\n"
_STATUS_NAMES = np.array([status.name.lower() for status in Status])  # Status counts from 0


class _Columns(NamedTuple):
    """The file's columns after `episode` and `steps`, under DeepRacer's names and in its order.

    Arrays (steps, n) of n cars, or lists (steps) of one.
    """

    X: Any  # m, of the car's front point
    Y: Any  # m
    yaw: Any  # deg
    steer: Any  # deg, as commanded, left positive
    throttle: Any  # m/s, as commanded
    action: Any  # an index; "[steer throttle]" if continuous
    reward: Any
    done: Any
    all_wheels_on_track: Any
    progress: Any  # percent
    closest_waypoint: Any
    track_len: Any  # m
    tstamp: Any  # s of simulated time
    episode_status: Any
    pause_duration: Any  # s
    obstacle_crash_counter: Any
    wall_clock: Any  # s since 1970


COLUMNS = ("episode", "steps", *_Columns._fields)


class _Period(NamedTuple):
    """One control period of n cars, as it was recorded."""

    verdict: Verdict
    actions: NDArray[Any]  # (n,) or (n, 2)
    rewards: Array
    done: Bools
    pause: Array
    time: float
    wall_clock: float


class _Episode(NamedTuple):
    """An episode that has ended: which car's, and which of the recorded periods it covers."""

    car: int
    begin: int
    end: int


def training_trace_folder(model: Path) -> Path:
    """Where a model folder keeps the traces of its training."""
    return model / "simtrace" / "training-simtrace"


def evaluation_trace_folder(model: Path, when: datetime) -> Path:
    """Where a model folder keeps the trace of the evaluation made at `when`."""
    return model / "simtrace" / f"evaluation-{when:%Y%m%d%H%M%S}" / "evaluation-simtrace"


class TraceWriter:
    """Takes down the steps of n cars and writes a file whenever an iteration is complete.

    An iteration is `episodes_per_file` ended episodes, numbered as they end: the analysis tools
    count on every file holding equally many. A step costs next to nothing, since numbers become
    text only when a file is written.
    """

    def __init__(
        self, folder: Path, tracks: Sequence[Track], episodes_per_file: int, episodes: int = 0
    ) -> None:
        """Start with n = len(tracks) cars; cars may share a track.

        `episodes` is how many have ended already, where a training is resumed: what the folder
        holds of later ones is out of date and removed. Raises UserError if that fails.
        """
        self.episodes = episodes
        self._folder = folder
        self._per_file = episodes_per_file
        self._lengths = np.array([track.length for track in tracks])
        self._waypoints = _waypoints(tracks)
        self._periods: list[_Period] = []
        self._begins = [0] * len(tracks)  # where each car's episode in progress begins
        self._ended: list[_Episode] = []  # and not yet text
        self._lines = _resume(folder, episodes, episodes_per_file)

    def record(
        self,
        verdict: Verdict,
        actions: NDArray[Any],
        rewards: ArrayLike,
        done: ArrayLike,
        time: float,
        wall_clock: float,
        pause: float | Array = 0.0,
    ) -> None:
        """Take down one control period of the n cars; `verdict` is kept, the rest is copied.

        actions: indices (n,) or continuous (n, 2). rewards: (n,). done: (n,) whether an episode
        ends with this step. time: s of simulated time. wall_clock: s since 1970. pause: (n,) s of
        the penalty that a car stands in. Raises UserError if a file is due and the disk refuses.
        """
        period = _Period(
            verdict=verdict,
            actions=np.array(actions),
            rewards=np.array(rewards, np.float64),
            done=np.array(done, np.bool_),
            pause=np.zeros(len(self._begins)) + pause,
            time=time,
            wall_clock=wall_clock,
        )
        self._periods.append(period)
        for car in np.flatnonzero(period.done).tolist():
            self._end(car)

    def abandon(self) -> None:
        """Forget the episodes under way."""
        self._begins = [len(self._periods)] * len(self._begins)

    def write(self) -> None:
        """Write what has ended of the present iteration, for example at a checkpoint.

        Raises UserError if the disk refuses.
        """
        self._make_text()
        if self._lines:
            path = _file(self._folder, (self.episodes - 1) // self._per_file)
            write_atomic(path, "".join([",".join(COLUMNS) + "\n", *self._lines]))

    def _end(self, car: int) -> None:
        end = len(self._periods)
        self._ended.append(_Episode(car, self._begins[car], end))
        self._begins[car] = end
        self.episodes += 1
        if self.episodes % self._per_file == 0:
            self.write()
            self._lines = []

    def _make_text(self) -> None:
        """Turn the ended episodes into text and forget the periods that no car needs any more."""
        if not self._ended:
            return
        columns = _stack(self._periods, self._lengths, self._waypoints)
        first = self.episodes - len(self._ended)
        for number, (car, begin, end) in enumerate(self._ended, start=first):
            steps = _Columns(*(column[begin:end, car].tolist() for column in columns))
            self._lines += _text(steps, number)
        self._ended = []
        unneeded = min(self._begins)
        del self._periods[:unneeded]
        self._begins = [begin - unneeded for begin in self._begins]


def _file(folder: Path, number: int) -> Path:
    return folder / f"{number}-iteration.csv"


def _resume(folder: Path, episodes: int, per_file: int) -> list[str]:
    """Remove what is later than `episodes`; return the lines of the iteration in progress."""
    present, ended = divmod(episodes, per_file)
    first_stale = present + 1 if ended else present
    path = _file(folder, present)
    try:
        for file in folder.glob("*-iteration.csv"):
            number = file.name.removesuffix("-iteration.csv")
            if number.isdecimal() and int(number) >= first_stale:
                file.unlink()
        text = read_text(path, MAX_BYTES) if ended and path.is_file() else ""
    except OSError as error:
        raise UserError(f"Cannot remove an old trace in {folder}: {error.strerror}.") from error
    except UserError as error:
        raise UserError(f"{path}: {error}") from error
    return [line for line in text.splitlines(keepends=True) if _is_before(line, episodes)]


def _is_before(line: str, episodes: int) -> bool:
    episode = line.partition(",")[0]
    return episode.isdecimal() and int(episode) < episodes


def _waypoints(tracks: Sequence[Track]) -> Array:
    """(2, n, w + 1, 2) each car's closed waypoints, forward and reversed, padded to one length."""
    longest = max(len(track.waypoints) for track in tracks) + 1
    table = np.full((2, len(tracks), longest, 2), np.nan)
    for car, track in enumerate(tracks):
        closed = np.concatenate([track.waypoints, track.waypoints[:1]])
        table[0, car, : len(closed)] = closed
        table[1, car, : len(closed)] = closed[::-1]
    return table


def _nearest(waypoints: Array, verdict: Verdict) -> Ints:
    """(steps, n) the nearer of the waypoints behind and ahead, which is what the service logs."""
    both = verdict.closest_waypoints  # (steps, n, 2)
    cars = np.arange(both.shape[1])[:, None]
    reverse = verdict.is_reversed.astype(np.int64)[..., None]
    away = waypoints[reverse, cars, both] - np.stack([verdict.x, verdict.y], -1)[..., None, :]
    ahead_is_nearer = np.diff((away**2).sum(axis=-1))[..., 0] < 0.0
    return np.where(ahead_is_nearer, both[..., 1], both[..., 0])


def _stack(periods: list[_Period], lengths: Array, waypoints: Array) -> _Columns:
    """Arrays (steps, n) in the units of the file; continuous actions are None."""
    verdict = Verdict(*map(np.array, zip(*(period.verdict for period in periods), strict=True)))
    shape = verdict.x.shape
    _, actions, rewards, done, pause, time, wall_clock = zip(*periods, strict=True)
    status = np.where(np.array(pause) > 0.0, "pause", _STATUS_NAMES[verdict.status])
    return _Columns(
        X=verdict.x,
        Y=verdict.y,
        yaw=np.degrees(verdict.yaw),
        steer=np.degrees(verdict.steering_angle),
        throttle=verdict.speed,
        action=np.array(actions) if actions[0].ndim == 1 else np.full(shape, None),
        reward=np.array(rewards),
        done=np.array(done),
        all_wheels_on_track=verdict.all_wheels_on_track,
        progress=verdict.progress_pct,
        closest_waypoint=_nearest(waypoints, verdict),
        track_len=np.broadcast_to(lengths, shape),
        tstamp=np.broadcast_to(np.round(np.array(time), 3)[:, None], shape),
        episode_status=status,
        pause_duration=np.array(pause),
        obstacle_crash_counter=np.zeros(shape, np.int64),
        wall_clock=np.broadcast_to(np.array(wall_clock)[:, None], shape),
    )


def _text(steps: _Columns, episode: int) -> list[str]:
    """Format one car's episode, in the very format of DeepRacer's log."""
    if steps.episode_status[0] == "in_progress":
        steps.episode_status[0] = "prepare"  # by this the tools know where an episode begins
    if steps.action[0] is None:
        both = zip(steps.steer, steps.throttle, strict=True)
        steps = steps._replace(action=[f"[{steer:.2f} {speed:.2f}]" for steer, speed in both])
    rows = zip(repeat(episode), count(1), *steps, strict=False)
    return [_FORMAT % row for row in rows]
