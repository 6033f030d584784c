"""`deepracer car calibrate` and `deepracer car stop`: motor and servo without ROS."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from deepracer_hw.calibration import Calibration

Root = Annotated[Path, typer.Option(metavar="DIR", help="Folder that holds sys, dev and opt.")]


def calibrate(root: Root = Path("/")) -> None:
    """Find the pulses for centre, left, right, neutral, forwards and backwards, and save them."""
    from deepracer_agent.terminal import keyboard
    from deepracer_cli.car_dialogue import Dialogue
    from deepracer_hw.calibration import FILE, check_folder, save_calibration
    from deepracer_hw.guard import Guard
    from deepracer_hw.outputs import Outputs
    from deepracer_hw.pwm import claimed
    from deepracer_sim.errors import UserError

    check_folder(root)
    old = _calibration_or_stock(root)
    with _refusals_told(), claimed(root), keyboard() as typed:
        if typed is None:
            raise UserError("To calibrate takes a terminal with a keyboard (over ssh: ssh -t).")
        outputs = Outputs(root, old)
        guard = Guard(outputs.at_rest)
        try:
            found = Dialogue(outputs, guard.beat, typed, old).run()
        finally:
            try:
                outputs.rest()  # where it fails, the guard goes on trying
                guard.kill()
            finally:
                with suppress(OSError):  # the terminal may be gone
                    print()  # ends the line of a prompt
    kept = save_calibration(root, found)
    print(f"Saved in {root / FILE}." + (f" The old one: {kept}" if kept else ""))


def stop(root: Root = Path("/")) -> None:
    """Bring motor and servo to rest and switch their power off, each though others fail.

    Exit code 1 if one fails, or if another process holds the car, which may drive on.
    """
    from deepracer_hw.outputs import force_rest
    from deepracer_sim.errors import UserError

    if faults := force_rest(root, _calibration_or_stock(root)):
        raise UserError(
            f"Not all is sure to stay at rest: {'; '.join(faults)}. "
            "If the car moves: deepracer car disable, or cut its power by hand."
        )
    print("Motor and servo are at rest.")


def _calibration_or_stock(root: Path) -> Calibration:
    from deepracer_hw.calibration import STOCK, load_calibration
    from deepracer_sim.errors import UserError

    try:
        return load_calibration(root)
    except UserError as error:
        print(f"{error}\nUntil then the stock firmware's values are taken.")
        return STOCK


@contextmanager
def _refusals_told() -> Iterator[None]:
    """What the kernel refuses inside is told in one line."""
    from deepracer_hw.sysfs import reason
    from deepracer_sim.errors import UserError

    try:
        yield
    except OSError as error:
        raise UserError(f"{reason(error)}. See: deepracer car check") from error
