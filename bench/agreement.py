"""How alike the embedded world and Gazebo are: the same commands, and the same poses, in both.

    python -m bench.agreement [DIR]

prints how far apart the cars are after 1 s and 3 s of the same commands and how far apart, in
pixels, both cameras see the border lines, and draws both: motion.png and cameras.png in DIR.
"""

import argparse
import sys
from io import BytesIO
from pathlib import Path

from matplotlib.figure import Figure

from bench.agreement_cameras import compare_cameras
from bench.agreement_motion import compare_motion
from bench.told import told
from deepracer_sim.files import write_atomic
from deepracer_sim.track_files import load_track

TRACKS = ("reinvent_2018", "hairpins", "speedway")


def _write(figure: Figure, path: Path) -> None:
    picture = BytesIO()
    figure.savefig(picture, format="png", dpi=100)
    write_atomic(path, picture.getvalue())
    print(f"drawn in {path}")


def _compare(folder: Path) -> None:
    _write(compare_motion(load_track(TRACKS[0])), folder / "motion.png")
    _write(compare_cameras(TRACKS), folder / "cameras.png")


def main() -> int:
    """Run from the command line; the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, nargs="?", default=Path(), help="for the plots")
    folder = parser.parse_args().folder
    return told(lambda: _compare(folder))


if __name__ == "__main__":
    sys.exit(main())
