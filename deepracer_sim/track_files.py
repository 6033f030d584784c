"""Tracks by name or file: shipped ones, our YAML, DeepRacer's .npy routes, generated ones."""

from collections.abc import Sequence
from pathlib import Path

import yaml

from deepracer_sim.config import load_yaml
from deepracer_sim.errors import UserError
from deepracer_sim.files import share_directory, write_atomic
from deepracer_sim.random_track import random_track
from deepracer_sim.track import Track
from deepracer_sim.track_check import check_track
from deepracer_sim.track_route import read_route
from deepracer_sim.track_yaml import parse_track, track_document

MAX_FILE_SIZE = 1_000_000  # bytes; the centimetres of a lap of 200 m take less
MAX_RANDOM_TRACKS = 1000


def shipped_tracks() -> list[str]:
    """Return the names of the tracks that come with the project, sorted."""
    return sorted(path.stem for path in (share_directory() / "worlds").glob("*.yaml"))


def load_track(name_or_path: str) -> Track:
    """Load and check a shipped track by name, a YAML track or a DeepRacer .npy route by path.

    Raises UserError that says what is wrong with the track, and where.
    """
    path = _find(name_or_path)
    _check_file(path)
    track = read_route(path) if path.suffix == ".npy" else _read_yaml(path)
    check_track(track, str(path))
    return track


def resolve_tracks(names: Sequence[str], seed: int) -> list[Track]:
    """Load several tracks; `random:N` stands for N generated ones, no two of them the same.

    Raises UserError as `load_track` does.
    """
    tracks: list[Track] = []
    next_seed = MAX_RANDOM_TRACKS * seed
    for name in names:
        if name.startswith("random:"):
            count = _random_count(name)
            tracks += [random_track(next_seed + k) for k in range(count)]
            next_seed += count
        else:
            tracks.append(load_track(name))
    return tracks


def save_track(track: Track, path: Path) -> None:
    """Write a track as YAML that loads as the same track: its exact points, widths and style.

    Raises UserError when the file cannot be written.
    """
    write_atomic(path, track_document(track))


def _find(name_or_path: str) -> Path:
    path = Path(name_or_path)
    if path.suffix in (".yaml", ".yml", ".npy"):
        return path
    if name_or_path in shipped_tracks():
        return share_directory() / "worlds" / f"{name_or_path}.yaml"
    raise UserError(
        f"There is no track '{name_or_path}'. Give one of {', '.join(shipped_tracks())}, "
        "or the path of a .yaml or .npy file."
    )


def _check_file(path: Path) -> None:
    try:
        size = path.stat().st_size if path.is_file() else None
    except OSError as error:  # too long a name, a folder that may not be entered
        raise UserError(f"Cannot read the track {path}: {error.strerror}.") from error
    if size is None:
        raise UserError(f"There is no track file {path}.")
    if size > MAX_FILE_SIZE:
        limit = MAX_FILE_SIZE / 1e6
        raise UserError(f"{path} has {size / 1e6:.1f} MB; a track has {limit:.0f} MB at most.")


def _read_yaml(path: Path) -> Track:
    try:
        document = load_yaml(path.read_bytes())
    except OSError as error:
        raise UserError(f"Cannot read the track {path}: {error.strerror}.") from error
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        # ValueError: an impossible date or an endless number; RecursionError: nested too deep.
        raise UserError(f"{path} is not valid YAML: {error}") from error
    return parse_track(document, str(path))


def _random_count(name: str) -> int:
    text = name.removeprefix("random:")
    if not text.isdecimal() or not 1 <= int(text) <= MAX_RANDOM_TRACKS:
        raise UserError(
            f"'{name}' should be random:N with N from 1 to {MAX_RANDOM_TRACKS}, e.g. random:8."
        )
    return int(text)
