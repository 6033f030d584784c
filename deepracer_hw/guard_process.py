"""The guard's process: brings the car to rest when the process that drives it is gone or stuck.

The hardware goes on with the last pulse for ever, so somebody else has to end it. It is started by
guard.Guard. It imports little, so that it is there at once and stays small.
"""

import os
import select
import signal
import sys
import time

from deepracer_hw.sysfs import reason, write_all

PATIENCE = 0.35  # s without a beat; at rest within 0.5 s is asked for, and computers stall

_PERSISTENCE = 5.0  # s that a refused write is tried again for
_PAUSE = 0.05  # s


def wait_for_silence(pipe: int) -> str:
    """Return what happened when no beats come on the pipe any more."""
    while select.select([pipe], [], [], PATIENCE)[0]:
        if not os.read(pipe, 4096):
            return "has let go"
    return "is stuck"


def bring_to_rest(at_rest: list[tuple[str, int | str]]) -> list[OSError]:
    """Write all values, again and again while one is refused; return what still was in the end."""
    deadline = time.monotonic() + _PERSISTENCE
    while (faults := write_all(at_rest)) and time.monotonic() < deadline:
        time.sleep(_PAUSE)
    return faults


def main(words: list[str]) -> None:
    """Guard. words: file, value, file, value, ..., as they are while the car is at rest."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)  # it is to be the last to go
    what = wait_for_silence(sys.stdin.fileno())
    faults = bring_to_rest(list(zip(words[::2], words[1::2], strict=True)))
    end = "; ".join(map(reason, faults)) or "motor and servo are neutral, their power is off"
    sys.stderr.write(f"guard: the process that drives the car {what}: {end}\n")
