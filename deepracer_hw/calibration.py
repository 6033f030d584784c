"""The car's calibration: which pulses steer and drive this car. Its file is the stock firmware's.

    {"Calibration": {"Servo": {"min": ns, "mid": ns, "max": ns, "polarity": 1 or -1},
                     "Motor": {...}, "version": 1}}

Format and stock values: servo_mgr of github.com/aws-deepracer-community/deepracer-custom-car.
"""

import json
import math
import os
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

from deepracer_sim.errors import UserError
from deepracer_sim.files import write_atomic

FOLDER = "opt/aws/deepracer"  # below the root
FILE = f"{FOLDER}/calibration.json"
SHORTEST, LONGEST = 500_000, 2_500_000  # ns, what hobby servos and motor controllers accept

_MAX_BYTES = 100_000
_REMEDY = "To make it: deepracer car calibrate"


@dataclass(frozen=True)
class Actuator:
    """Pulses of the servo or the motor, ns."""

    min: int
    mid: int
    max: int
    polarity: int  # 1: left, or forwards, is the longer pulse; -1: the shorter one

    def pulse(self, value: float) -> int:
        """The pulse, ns, of a value from -1 to 1, left or forwards positive.

        What lies beyond is taken as the nearer end, what is not finite as 0.
        """
        if not math.isfinite(value):
            return self.mid
        turned = min(max(value, -1.0), 1.0) * self.polarity
        reach = self.max - self.mid if turned > 0 else self.mid - self.min
        return self.mid + round(turned * reach)


def make_actuator(mid: int, positive: int, negative: int) -> Actuator:
    """An actuator of its neutral pulse and those of its ends, ns: left or forwards is positive.

    Raises ValueError unless the neutral one lies between the others.
    """
    low, high = sorted((positive, negative))
    if not low < mid < high:
        raise ValueError(
            f"{mid / 1e3:g} us must lie between {low / 1e3:g} us and {high / 1e3:g} us"
        )
    return Actuator(low, mid, high, 1 if positive > negative else -1)


class Calibration(NamedTuple):
    """The pulses of one car."""

    servo: Actuator
    motor: Actuator


STOCK = Calibration(
    servo=Actuator(1_200_000, 1_450_000, 1_700_000, 1),
    motor=Actuator(1_311_000, 1_446_000, 1_603_500, -1),
)
_KEYS = ("Servo", "Motor")  # in the order of the fields above


def load_calibration(root: Path) -> Calibration:
    """Read the car's calibration. Raises UserError where it is missing or not good."""
    path = root / FILE
    actuators = read_object(path).get("Calibration")
    if not isinstance(actuators, dict):
        raise _bad(path, "it has no object 'Calibration'")
    return Calibration(*(_actuator(path, key, actuators.get(key)) for key in _KEYS))


def check_folder(root: Path) -> None:
    """Raise UserError where a calibration could not be saved; make its folder if there is none."""
    folder = root / FOLDER
    with suppress(OSError):
        folder.mkdir(parents=True, exist_ok=True)
    if not os.access(folder, os.W_OK | os.X_OK):
        raise UserError(
            f"{folder} cannot be written to, so nothing could be saved: docs/car.md, Permissions."
        )


def save_calibration(root: Path, calibration: Calibration) -> Path | None:
    """Write the car's calibration; return the copy of the old file that is kept beside it.

    What else the old file holds stays. Raises UserError where the disk refuses; the old file is
    then as it was.
    """
    path = root / FILE
    for key, actuator in zip(_KEYS, calibration, strict=True):
        _actuator(path, key, asdict(actuator))
    kept = _keep(path) if path.exists() else None
    document = _document(path)
    for key, actuator in zip(_KEYS, calibration, strict=True):
        document["Calibration"][key].update(asdict(actuator))
    write_atomic(path, json.dumps(document, indent=3) + "\n")
    return kept


def read_object(path: Path, remedy: str = _REMEDY) -> dict[str, Any]:
    """Read a file that holds one JSON object. Raises UserError, with a remedy."""
    try:
        with open(path, encoding="utf-8") as file:
            data = json.loads(file.read(_MAX_BYTES), object_pairs_hook=_unique)
    except OSError as error:
        if isinstance(error, PermissionError):
            remedy = "Who may: docs/car.md, Permissions."
        raise UserError(f"Cannot read {path}: {error.strerror}. {remedy}") from error
    except (ValueError, RecursionError) as error:
        raise UserError(f"{path}: its JSON is not good ({error}). {remedy}") from error
    if not isinstance(data, dict):
        raise UserError(f"{path}: it is not a JSON object. {remedy}")
    return data


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Build an object; a key given twice is a mistake, of which JSON keeps the last."""
    data: dict[str, Any] = {}
    for key, value in pairs:
        if key in data:
            raise ValueError(f"the key {key[:40]!r} is given twice in one object")
        data[key] = value
    return data


def _actuator(path: Path, key: str, values: Any) -> Actuator:
    if not isinstance(values, dict):
        raise _bad(path, f"{key} is missing")
    numbers: dict[str, Any] = {name: values.get(name) for name in ("min", "mid", "max", "polarity")}
    for name, value in numbers.items():
        if type(value) is not int:
            raise _bad(path, f"{key}, {name}: expected a whole number, found {str(value)[:40]!r}")
    actuator = Actuator(**numbers)
    if not SHORTEST <= actuator.min < actuator.mid < actuator.max <= LONGEST:
        raise _bad(
            path,
            f"{key}: expected {SHORTEST} <= min < mid < max <= {LONGEST} ns, "
            f"found {actuator.min}, {actuator.mid}, {actuator.max}",
        )
    if actuator.polarity not in (1, -1):
        raise _bad(path, f"{key}: the polarity must be 1 or -1, found {actuator.polarity}")
    return actuator


def _bad(path: Path, what: str) -> UserError:
    return UserError(f"{path}: {what}. {_REMEDY}")


def _keep(path: Path) -> Path:
    kept = path.with_name(f"{path.stem}-{datetime.now():%Y-%m-%d-%H%M%S}{path.suffix}")
    try:
        write_atomic(kept, path.read_bytes())
    except OSError as error:
        raise UserError(f"Cannot read {path}, to keep it: {error.strerror}.") from error
    return kept


def _document(path: Path) -> dict[str, Any]:
    """What the file holds, with room for our values; begun anew where it is no such file."""
    try:
        document = read_object(path)
    except UserError:
        document = {}
    if not isinstance(document.get("Calibration"), dict):
        document["Calibration"] = {"version": 1}  # without it the stock firmware drops the file
    for key in _KEYS:
        if not isinstance(document["Calibration"].get(key), dict):
            document["Calibration"][key] = {}
    return document
