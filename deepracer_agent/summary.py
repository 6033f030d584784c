"""A model in a few words."""

from pathlib import Path
from typing import NamedTuple

from deepracer_agent.actions import DiscreteActions, ModelMetadata, load_metadata
from deepracer_agent.checkpoint import Counters, read_counters
from deepracer_agent.model import CHECKPOINT, GRAPH, METADATA
from deepracer_agent.settings import Settings, load_settings


class Summary(NamedTuple):
    """What a model folder says of itself."""

    folder: Path
    metadata: ModelMetadata
    settings: Settings
    counters: Counters

    def row(self) -> list[str]:
        """Name, tracks, actions, steps, time of training, progress, lap time."""
        counters = self.counters
        lap = counters.best_lap_time
        return [
            self.folder.name,
            ", ".join(self.settings.tracks),
            _actions(self.metadata),
            f"{counters.steps:,}" if counters.steps else "imported",
            f"{counters.train_time / 60:.1f} min",
            f"{max(counters.best_progress_pct, 0.0):.0f}%",
            "-" if lap == float("inf") else f"{lap:.1f} s",
        ]

    def lines(self) -> list[str]:
        """The same and more, a line each."""
        labels = ("model", "tracks", "actions", "steps", "trained for", "progress", "lap")
        more = [
            ("algorithm", self.metadata.training_algorithm),
            ("network", self.metadata.neural_network),
            ("car, camera", f"{self.settings.car}, {self.settings.camera}"),
            ("seed", str(self.settings.seed)),
        ]
        pairs = [*zip(labels, self.row(), strict=True), *more]
        return [f"{label:12} {value}" for label, value in pairs]


def summarise(folder: Path) -> Summary:
    """Read a model folder. Raises UserError where something is missing or damaged."""
    imported = (folder / GRAPH).is_file()
    return Summary(
        folder,
        load_metadata(folder / METADATA, repeats=imported),
        load_settings(folder / CHECKPOINT),
        Counters() if imported else read_counters(folder / CHECKPOINT),
    )


def _actions(metadata: ModelMetadata) -> str:
    space = metadata.action_space
    if isinstance(space, DiscreteActions):
        fastest = max(command.speed for command in space.commands)
        return f"{len(space.commands)} to {fastest:g} m/s"
    return f"continuous to {space.high.speed:g} m/s"
