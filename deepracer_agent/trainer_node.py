"""The node `trainer`: the training of `deepracer train`, with cars that live behind topics."""

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rclpy.node import Node
from std_msgs.msg import Float32, String

from deepracer_agent.interrupts import interruptible
from deepracer_agent.model import find_model, new_model, remove_model
from deepracer_agent.progress import Progress, ended_early, in_words
from deepracer_agent.recipe import Budget, Files, Recipe, new_recipe, old_recipe
from deepracer_agent.train import train
from deepracer_ros.diagnostics import Level, Report, report_diagnostics
from deepracer_ros.parameters import parameter
from deepracer_ros.process import served, started
from deepracer_sim.errors import UserError
from deepracer_sim.race import EVENTS
from deepracer_sim.referee import Status, Verdict
from deepracer_sim.ros_world import TopicWorld

_LOG_EVERY = 10.0  # s


def main() -> None:
    """Wait for the worlds, train, and end."""
    with started(signals=False), interruptible(), served(Node("trainer")) as node:
        wanted = parameters(node)
        worlds = [TopicWorld(node, name) for name in wanted["worlds"]]
        model, recipe = prepare(wanted, worlds)
        report = Reporter(node)
        verb = "Going on with" if wanted["resume"] else "Training"
        node.get_logger().info(f"{verb} {model} on {', '.join(recipe.settings.tracks)}")
        budget = Budget(wanted["minutes"], wanted["steps"], wanted["lap_rate"])
        progress = train(
            model,
            recipe,
            budget,
            report.progress,
            resume=wanted["resume"],
            worlds=worlds,
            listen=report.step,
        )
        told = ", ".join(filter(None, [in_words(progress), ended_early(progress)]))
        node.get_logger().info(f"{told}. The model is in {model}.")


def parameters(node: Node) -> dict[str, Any]:
    """The node's parameters by name; None where there is no limit or nothing was given."""
    declare = partial(parameter, node)
    texts = {
        "name": "Name of the model; empty: model-1, model-2, ...",
        "reward": "Built-in reward, or your own Python file; empty: center_line.",
        "actions": "Action space, or your own model_metadata.json; empty: default.",
        "hyperparameters": "default, sac, or your own hyperparameters.json.",
    }
    found: dict[str, Any] = {name: declare(name, "", text) or None for name, text in texts.items()}
    found["minutes"] = declare("minutes", 2.0, "Train for this long; 0: no limit.", low=0) or None
    found["steps"] = declare("steps", 0, "Train for so many steps; 0: no limit.", low=0) or None
    rate = declare("lap_rate", 0.0, "Train until so many % are laps; 0: no limit.", low=0, high=100)
    found["lap_rate"] = rate / 100 or None
    found["seed"] = declare("seed", 0, "Of the first weights and the exploration.", low=0)
    found["clockwise"] = declare("clockwise", False, "Drive the tracks the other way round.")
    found["alternate"] = declare("alternate", False, "Change direction with every episode.")
    found["resume"] = declare("resume", False, "Go on with the model.")
    found["overwrite"] = declare("overwrite", False, "Replace the model of that name.")
    worlds = declare("worlds", ".", "Namespaces of the worlds, with commas; '.' is the own one.")
    found["worlds"] = ["" if name.strip() == "." else name.strip() for name in worlds.split(",")]
    return found


def prepare(wanted: dict[str, Any], worlds: list[TopicWorld]) -> tuple[Path, Recipe]:
    """Find or choose the model's folder, and read what to train. Raises UserError."""
    settings = {
        "tracks": tuple(dict.fromkeys(world.names.track for world in worlds)),
        "car": worlds[0].names.car,
        "camera": worlds[0].names.camera,
        "randomize": worlds[0].names.randomize,
        "cars": sum(world.n for world in worlds),
        **{name: wanted[name] for name in ("seed", "clockwise", "alternate")},
    }
    files = Files(wanted["reward"], wanted["actions"], wanted["hyperparameters"])
    if wanted["resume"] and wanted["overwrite"]:
        raise UserError("resume goes on with a model, overwrite replaces it: choose one.")
    if wanted["resume"]:
        model = find_model(wanted["name"])
        return model, old_recipe(model, files, settings)
    recipe = new_recipe(files, settings)
    model = new_model(wanted["name"], overwrite=wanted["overwrite"])
    if model.exists():
        remove_model(model)
    return model, recipe


class Reporter:
    """Tells of a training on topics: of the first car, step by step, and of the whole."""

    def __init__(self, node: Node) -> None:
        """Publish on a node."""
        self._log = node.get_logger()
        self._last: Progress | None = None
        self._logged = 0.0
        self._numbers = {
            name: node.create_publisher(Float32, name, 10)
            for name in ("reward", "race/progress", "race/speed", "race/lap_time")
        }
        self._event = node.create_publisher(String, "race/event", 10)
        report_diagnostics(node, self._report)

    def step(
        self,
        verdict: Verdict,
        actions: NDArray[Any],
        rewards: NDArray[np.float64],
        done: NDArray[np.bool_],
    ) -> None:
        """Tell how the first car does."""
        self._tell("reward", rewards[0])
        self._tell("race/progress", verdict.progress_pct[0])
        self._tell("race/speed", verdict.speed[0])
        if done[0]:
            status = Status(verdict.status[0])
            self._event.publish(String(data=EVENTS[status]))
            if status == Status.LAP_COMPLETE:
                self._tell("race/lap_time", verdict.time[0])

    def progress(self, progress: Progress) -> None:
        """Keep how the training stands, and log it now and then."""
        self._last = progress
        if progress.seconds - self._logged >= _LOG_EVERY:
            self._logged = progress.seconds
            self._log.info(in_words(progress))

    def _tell(self, name: str, value: float) -> None:
        self._numbers[name].publish(Float32(data=float(value)))

    def _report(self) -> Report:
        if self._last is None:
            return Report(Level.OK, "preparing", {})
        recent = self._last.recent
        values = {
            "done": f"{self._last.done:.3f}",
            "steps": str(self._last.steps),
            "episodes": str(self._last.episodes),
            "lap rate": f"{recent.lap_rate:.3f}",
            "mean progress (%)": f"{recent.progress_pct:.1f}",
            "mean reward": f"{recent.reward:.2f}",
            "best lap time (s)": f"{self._last.best_lap_time:.2f}",
        }
        return Report(Level.OK, in_words(self._last), values)
