"""How fast a driver learns, on this machine, from the command typed to the laps driven.

`python -m bench.learning` runs, one after the other: the recorded job of the hosted service (its
track, actions and reward, the car identified from it), the default training with its evaluation,
and the fast car with the speed reward, with and without randomisation.
"""

import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(ROOT)}
ASKED = {  # s after typing; what the hosted service needed after its first step
    "first lap": (30, "1,981 s"),
    "65% laps": (75, "71 min"),
    "95% laps": (180, "-"),
}


def learn(
    name: str, reward: str, actions: str, minutes: float, randomize: str = "mild"
) -> dict[str, Any]:
    """Train in a process of its own; return what `tell` tells."""
    what = time.time(), name, reward, actions, minutes, randomize
    code = f"from bench.learning import tell; tell(*{what!r})"
    command = [sys.executable, "-c", code]
    output = subprocess.run(command, env=ENVIRONMENT, check=True, stdout=subprocess.PIPE, text=True)
    found: dict[str, Any] = json.loads(output.stdout.splitlines()[-1])
    return found


def tell(
    typed: float, name: str, reward: str, actions: str, minutes: float, randomize: str
) -> None:
    """Train as `deepracer train` does; print as JSON when which lap rate was reached, and more.

    This is what runs in the other process; `typed` is when it was asked for, s since 1970.
    """
    from deepracer_agent.actions import load_metadata
    from deepracer_agent.hyperparameters import load_hyperparameters
    from deepracer_agent.progress import Progress
    from deepracer_agent.recipe import Budget, Recipe
    from deepracer_agent.rewards import load_reward
    from deepracer_agent.settings import Settings
    from deepracer_agent.train import train

    reached: dict[str, float] = {}

    def report(progress: Progress) -> None:
        now = time.time() - typed
        if progress.first_lap is not None:
            reached.setdefault("first lap", now - progress.seconds + progress.first_lap)
        for rate in (65, 95):
            if progress.recent.lap_rate >= rate / 100:
                reached.setdefault(f"{rate}% laps", now)

    recipe = Recipe(
        load_metadata(actions),
        load_hyperparameters("default"),
        load_reward(reward),
        Settings(randomize=randomize),
    )
    end = train(Path("models") / name, recipe, Budget(minutes=minutes), report)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(json.dumps({"reached": reached, "rate": end.steps / end.seconds, "peak": peak}))


def evaluate(name: str) -> str:
    """Drive ten laps; return the line that says how they went."""
    command = [sys.executable, "-m", "deepracer_cli.main", "evaluate", name, "--laps", "10"]
    output = subprocess.run(command, env=ENVIRONMENT, check=True, stdout=subprocess.PIPE, text=True)
    return next(line for line in output.stdout.splitlines() if "laps complete" in line)


def main() -> None:
    """Print what is reached, beside what is asked for and what the service needed."""
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        recorded = learn("recorded", "center_line", "service_2022", 4, "off")  # like its one car
        default = learn("default", "center_line", "default", 2)
        learn("fast", "speed", "fast", 5)
        learn("race", "speed", "fast", 5, "off")
        print("The recorded job's terms (14 actions to 2 m/s, center_line), s after typing:")
        for mark, (asked, service) in ASKED.items():
            seconds = recorded["reached"].get(mark, float("nan"))
            print(f"  {mark:12}{seconds:8.1f}   asked {asked}   the service {service}")
        rate = default["rate"]
        print(f"Default training: {rate:,.0f} steps/s, {rate / 15:.0f} x real time (asked 150)")
        print(f"  peak memory {default['peak']:.2f} GiB (asked: under 2)")
        print(f"  after 2 minutes: {evaluate('default')}")
        print(f"Speed reward, up to 4 m/s, after 5 minutes: {evaluate('fast')} (asked 9.0 s)")
        print(f"  without randomisation: {evaluate('race')}")


if __name__ == "__main__":
    main()
