"""Training: cars drive, the reward judges, the policy learns; the best driver is kept."""

import shutil
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from stable_baselines3.common.callbacks import BaseCallback

from deepracer_agent.actions import (
    DiscreteActions,
    commands,
    load_metadata,
    save_metadata,
)
from deepracer_agent.checkpoint import Counters, load_checkpoint, save_checkpoint
from deepracer_agent.env import DrivingVecEnv, Listener
from deepracer_agent.evaluate import drive_episodes
from deepracer_agent.export import export_onnx
from deepracer_agent.hyperparameters import save_hyperparameters
from deepracer_agent.interrupts import interruptible, uninterrupted
from deepracer_agent.learner import make_learner
from deepracer_agent.model import CHECKPOINT, HYPERPARAMETERS, METADATA, POLICY, REWARD
from deepracer_agent.networks import deterministic_layers
from deepracer_agent.observation import observe
from deepracer_agent.progress import Progress
from deepracer_agent.recipe import Budget, Recipe
from deepracer_agent.recorder import RECENT, Recent, Recorder
from deepracer_agent.settings import (
    Settings,
    build_fleet,
    gather_fleet,
    load_settings,
    save_settings,
)
from deepracer_sim.errors import UserError
from deepracer_sim.files import write_atomic
from deepracer_sim.fleet import Fleet
from deepracer_sim.ground import Frame
from deepracer_sim.referee import Status, Verdict
from deepracer_sim.world import World
from deepracer_sim.worlds import EMBEDDED

_JUDGED_CARS = 20  # laps that choose the best driver: a start every 5 % of the track
_JUDGE_EVERY = 40_000  # steps; twice as many where it interrupts the cars that learn
_CHECKPOINT_EVERY = 20.0  # s
_REPORT_EVERY = 0.5  # s


def train(
    model: Path,
    recipe: Recipe,
    budget: Budget,
    report: Callable[[Progress], None],
    *,
    resume: bool = False,
    worlds: Sequence[World] | None = None,
    listen: Listener | None = None,
) -> Progress:
    """Train a driver into a model folder and return how it went.

    worlds: where to drive; None means embedded worlds as the settings say. They are closed at the
    end. listen: hears of every step, as the environment's listener does.

    Ctrl-C and SIGTERM end it by KeyboardInterrupt. What was learned is kept then, and also when
    the reward function fails. Raises UserError for a user's mistake and a disk that refuses.
    """
    with interruptible() as check:
        hooks = _Hooks(report, listen, check)
        training = _Training(model, recipe, budget, _fleets(recipe.settings, worlds), hooks, resume)
        try:
            training.run()
        except BaseException:  # Ctrl-C, too: whatever ends it, what was learned is kept
            with uninterrupted():
                training.rescue()
            raise
        finally:
            training.close()
        return training.progress()


class _Hooks(NamedTuple):
    """Who is told what while cars learn."""

    report: Callable[[Progress], None]
    listen: Listener | None
    check_interrupt: Callable[[], None]


def _fleets(settings: Settings, worlds: Sequence[World] | None) -> tuple[Fleet, Fleet]:
    """The fleet that learns, and the one whose laps choose the best driver.

    Worlds that are given are all there is, and those of Gazebo are large: their cars do both.
    """
    if worlds:
        fleet = gather_fleet(settings, worlds)
    else:
        fleet = build_fleet(settings, settings.cars, randomize=settings.randomize)
    if worlds or settings.world != EMBEDDED:
        return fleet, fleet
    return fleet, build_fleet(settings, max(_JUDGED_CARS, len(fleet.worlds)))


class _Training(BaseCallback):
    """One session. The learner calls it after every step and before every rollout."""

    def __init__(
        self,
        folder: Path,
        recipe: Recipe,
        budget: Budget,
        fleets: tuple[Fleet, Fleet],
        hooks: _Hooks,
        resume: bool,
    ) -> None:
        super().__init__()
        self._folder = folder
        self._recipe = recipe
        self._budget = budget
        self._hooks = hooks
        self._fleet, self._judged = fleets
        hyperparameters = recipe.hyperparameters
        env = DrivingVecEnv(self._fleet, recipe.metadata, recipe.reward, self._listen)
        seed = recipe.settings.seed
        self._learner = make_learner(env, recipe.metadata, hyperparameters, seed)
        self._before = Counters()
        if resume:
            self._before = load_checkpoint(folder / CHECKPOINT, self._learner)
            if not _same_laps(folder, recipe):  # then the best driver so far is best no more
                self._before = replace(self._before, best_progress_pct=-1.0, best_lap_time=np.inf)
        self._best = self._before.best_progress_pct, -self._before.best_lap_time
        self._recorder = Recorder(
            folder,
            self._fleet.tracks,
            hyperparameters.num_episodes_between_training,
            self._before.episodes,
            self._before.sim_time,
        )
        self._shown, self._cars = self._fleet.worlds[0].n, np.empty((0, 2))
        self._begin = self._saved = self._reported = time.monotonic()
        self._judged_at = 0  # steps
        self._first_lap: float | None = None
        if not resume:
            _make(folder)

    def run(self) -> None:
        """Learn until the budget is spent, then judge once more and save."""
        self._learner.learn(sys.maxsize, callback=self, log_interval=None)
        self._judge()
        self._save()
        self._hooks.report(self.progress())

    def progress(self) -> Progress:
        """How it stands."""
        seconds = time.monotonic() - self._begin
        recent = self._recorder.recent()
        share, limit = self._spent(seconds, recent)
        return Progress(
            done=min(1.0, share),
            limit=limit,
            steps=self._recorder.steps,
            seconds=seconds,
            first_lap=self._first_lap,
            episodes=self._recorder.episodes,
            recent=recent,
            best_progress_pct=self._best[0],
            best_lap_time=-self._best[1],
            cars=self._cars,
        )

    def rescue(self) -> None:
        """Keep what was learned when a training breaks off; before the first update, nothing."""
        try:
            if self._has_learned():
                self._save()
        finally:
            if not (self._folder / METADATA).is_file():  # which is written last
                shutil.rmtree(self._folder, ignore_errors=True)

    def close(self) -> None:
        """Close the worlds."""
        self._learner.get_env().close()
        self._judged.close()

    def _has_learned(self) -> bool:
        """Whether there was an update in this session."""
        return bool(self._learner._n_updates > 0)

    def _listen(
        self,
        verdict: Verdict,
        actions: NDArray[Any],
        rewards: NDArray[np.float64],
        done: NDArray[np.bool_],
    ) -> None:
        if not self._recorder.steps:  # the first step had to compile, or to wait for a world
            self._begin = self._saved = self._reported = time.monotonic()
        self._recorder(verdict, actions, rewards, done)
        if self._hooks.listen:
            self._hooks.listen(verdict, actions, rewards, done)
        self._cars = np.stack([verdict.x, verdict.y], axis=-1)[: self._shown]
        if self._first_lap is None and self._recorder.laps:
            self._first_lap = time.monotonic() - self._begin

    def _on_rollout_start(self) -> None:
        """Between updates: judge the driver and save, now and then."""
        every = _JUDGE_EVERY if self._judged is not self._fleet else 2 * _JUDGE_EVERY
        if self._recorder.steps - self._judged_at >= every:
            self._judge()
        if self._has_learned() and time.monotonic() - self._saved > _CHECKPOINT_EVERY:
            self._save()

    def _on_step(self) -> bool:
        """Go on while there is budget left."""
        self._hooks.check_interrupt()
        now = time.monotonic()
        if now - self._reported > _REPORT_EVERY:
            self._reported = now
            self._hooks.report(self.progress())
        share, _ = self._spent(now - self._begin, self._recorder.recent())
        return share < 1.0

    def _spent(self, seconds: float, recent: Recent) -> tuple[float, str]:
        """The share of the budget that is spent, 1 and more meaning the end, and of what in it."""
        budget, hyperparameters = self._budget, self._recipe.hyperparameters
        episodes = self._recorder.episodes
        shares = {"term_cond_max_episodes": episodes / hyperparameters.term_cond_max_episodes}
        if budget.minutes is not None:
            shares["minutes"] = seconds / (60 * budget.minutes)
        if budget.steps is not None:
            shares["steps"] = self._recorder.steps / budget.steps
        if episodes - self._before.episodes >= RECENT:
            if budget.lap_rate is not None:
                shares["lap_rate"] = recent.lap_rate / budget.lap_rate
            if recent.reward >= hyperparameters.term_cond_avg_score:
                shares["term_cond_avg_score"] = 1.0
        limit = max(shares, key=lambda name: shares[name])
        return shares[limit], limit

    def _judge(self) -> None:
        """Drive laps without exploration; export the driver if none before was better."""
        self._judged_at = self._recorder.steps
        self._judged.restart_all(nominal=True)
        outcomes = drive_episodes(self._judged, self._drive)
        if self._judged is self._fleet:
            self._begin_anew()
        self._recorder.evaluated(outcomes)
        laps = [outcome.end for outcome in outcomes if outcome.status == Status.LAP_COMPLETE]
        progress = float(np.mean([outcome.progress for outcome in outcomes]))
        score = round(progress, 1), -float(np.mean(laps)) if laps else -np.inf
        if score >= self._best:
            self._best = score
            self._export()

    def _begin_anew(self) -> None:
        """Let the learner begin new episodes with all cars: others have driven with them."""
        self._recorder.abandon()
        self._learner._last_obs = self._learner._last_original_obs = self._learner.env.reset()
        self._learner._last_episode_starts = np.ones(self._fleet.n, np.bool_)

    def _drive(self, frames: Frame) -> NDArray[np.float64]:
        actions, _ = self._learner.predict(observe(frames), deterministic=True)
        return commands(self._recipe.metadata, actions)

    def _export(self) -> None:
        discrete = isinstance(self._recipe.metadata.action_space, DiscreteActions)
        layers = deterministic_layers(self._learner.policy, discrete)
        write_atomic(self._folder / POLICY, export_onnx(layers))

    def _save(self) -> None:
        """Write all that the model folder holds, the checkpoint last."""
        self._saved = time.monotonic()
        folder, recipe, before = self._folder, self._recipe, self._before
        if not (folder / POLICY).exists():
            self._export()
        write_atomic(folder / REWARD, recipe.reward.file.source)
        save_hyperparameters(recipe.hyperparameters, folder / HYPERPARAMETERS)
        save_settings(recipe.settings, folder / CHECKPOINT)
        self._recorder.write()
        counters = Counters(
            before.steps + self._recorder.steps,
            self._recorder.episodes,
            self._recorder.sim_time,
            before.train_time + time.monotonic() - self._begin,
            self._best[0],
            -self._best[1],
        )
        save_checkpoint(folder / CHECKPOINT, self._learner, counters)
        save_metadata(recipe.metadata, folder / METADATA)


def _make(folder: Path) -> None:
    """Make the folder of a new model now, so that a disk that refuses is found out at once."""
    try:
        folder.mkdir(parents=True)
    except OSError as error:
        raise UserError(f"Cannot make the model folder {folder}: {error.strerror}.") from error


def _same_laps(folder: Path, recipe: Recipe) -> bool:
    """Whether the laps that choose the best driver are those of the saved training."""
    here = recipe.settings
    saved = replace(load_settings(folder / CHECKPOINT), cars=here.cars, randomize=here.randomize)
    return saved == here and load_metadata(folder / METADATA) == recipe.metadata
