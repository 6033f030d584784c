"""One car in real time: it obeys the newest command, is judged, and is put back on the track."""

from typing import NamedTuple

import numpy as np

from deepracer_sim.car import DT, CarStates
from deepracer_sim.fleet import Fleet
from deepracer_sim.referee import Status
from deepracer_sim.world import World

PATIENCE = 0.2  # s of simulated time without a command, after which the car stops

_CAR = np.zeros(1, np.int64)
_STOP = (0.0, 0.0)
EVENTS = {
    Status.LAP_COMPLETE: "lap",
    Status.OFF_TRACK: "off_track",
    Status.REVERSED: "reversed",
    Status.CRASHED: "crashed",
    Status.IMMOBILIZED: "immobilized",
    Status.TIME_UP: "time_up",
}
"""What is told on race/event when an episode stands so."""


class Moment(NamedTuple):
    """How the car does after a control period."""

    states: CarStates  # (1,) each
    progress_pct: float
    lap_time: float | None  # s, where a lap is complete
    event: str | None


class Race:
    """A world's only car. A lap's clock starts with the first command after a reset."""

    def __init__(self, world: World, *, clockwise: bool = False, put_back: bool = True) -> None:
        """Put the car on the start line. put_back: off the track, it is put back on it."""
        self._world = world
        self._fleet = Fleet([world], clockwise=clockwise, round_robin=False)
        self._put_back = put_back
        self._status = Status.IN_PROGRESS
        self._command = _STOP
        self._waited = np.inf  # s since the last command
        self._moved = False

    def command(self, steering_angle: float, speed: float) -> None:
        """Take a command, rad and m/s, that holds until the next one, for PATIENCE at most."""
        self._command, self._waited, self._moved = (steering_angle, speed), 0.0, True

    def reset(self) -> None:
        """Put the car on the start line, at rest, and begin a new lap."""
        self._fleet.restart_all()
        self._command, self._moved = _STOP, False

    def advance(self) -> Moment:
        """Let one control period pass."""
        stale = self._waited > PATIENCE - DT / 2
        command = np.array([_STOP if stale else self._command])
        self._waited += DT
        if not self._moved:
            return Moment(self._world.step(command), 0.0, None, None)
        verdict = self._fleet.step(command)
        event = self._event(Status(verdict.status[0]))
        lap_time = float(verdict.time[0]) if event == "lap" else None
        return Moment(self._world.states, float(verdict.progress_pct[0]), lap_time, event)

    def _event(self, status: Status) -> str | None:
        """Act on a status; return what there is to tell, once."""
        if status == Status.LAP_COMPLETE:
            self._fleet.next_lap(_CAR)
        elif self._put_back and status in (Status.OFF_TRACK, Status.REVERSED):
            self._fleet.put_back(_CAR)
        elif status == self._status:
            return None
        self._status = status
        return EVENTS.get(status)
