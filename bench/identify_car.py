"""Fit the car model to a recorded DeepRacer log, and say how well it predicts.

    python -m bench.identify_car LOG_DIR

LOG_DIR holds SIM_TRACE csv files, one row per control period. Every second episode is fitted, the
others are only predicted. A prediction starts at each step from the pose observed there, from the
commands up to there, and from a speed and a steering angle that were followed along the episode;
then it is on its own. Prints the parameters for config/car.yaml and the errors against time ahead.
"""

import argparse
import dataclasses
import math
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from bench.told import told
from deepracer_agent.simtrace_reader import Trace, read_trace
from deepracer_sim.car import (
    DT,
    HISTORY,
    CarParameters,
    CarStates,
    advance,
    dynamics_matrix,
    load_car,
)
from deepracer_sim.errors import UserError
from deepracer_sim.referee import FRONT

Array = NDArray[np.float64]

HORIZONS = (5, 15, 30, 45)  # steps ahead: 0.33, 1, 2, 3 s
FITTED_HORIZONS = (5, 15, 30)
TYPICAL_ERRORS = (0.02, 0.06, 0.2)  # m, at the fitted horizons: they weigh alike
SPEED, ANGLE = (CarStates._fields.index(name) for name in ("speed", "steering_angle"))

# Start of the search: a quicker car than the recorded one.
START = {
    "steering_gain": 0.9,
    "steering_lag": 0.3,
    "steering_kick": 0.01,
    "speed_lag": 0.3,
    "max_acceleration": 4.0,
    "delay": 0.02,
    "speed_correction": 0.2,
    "steering_correction": 0.2,
}


class Log(NamedTuple):
    """Episodes side by side, padded at the end: e episodes of at most t steps."""

    poses: Array  # (t, e, 3) x m, y m, yaw rad of base_link
    commands: Array  # (t, e, 2) steering angle rad, speed m/s
    lengths: NDArray[np.int64]  # (e,) steps


class Model(NamedTuple):
    """A car, and how strongly its speed and steering angle follow what is observed (0..1)."""

    car: CarParameters
    speed_correction: float
    steering_correction: float


class Start(NamedTuple):
    """Where m predictions start."""

    step: NDArray[np.int64]  # (m,)
    episode: NDArray[np.int64]  # (m,)
    states: Array  # (7, m) as CarStates
    history: Array  # (m, HISTORY, 2)


def read_log(folder: Path) -> Log:
    """Read all csv files of a folder. Raises UserError for a folder or file that will not do."""
    episodes = []
    for path in sorted(folder.glob("*.csv")):
        trace = read_trace(path)
        ends = np.flatnonzero(np.diff(trace.episode)) + 1
        columns = [np.split(column, ends) for column in trace]
        episodes += [_motion(Trace(*parts)) for parts in zip(*columns, strict=True)]
    if sum(len(rows) > HORIZONS[-1] for rows in episodes) < 10:
        raise UserError(
            f"{folder}: *.csv must hold at least 10 episodes of more than {HORIZONS[-1]} steps "
            f"each; found {len(episodes)} episodes in all."
        )
    lengths = np.array([len(rows) for rows in episodes])
    padded = np.zeros((lengths.max(), len(episodes), 5))
    for e, rows in enumerate(episodes):
        padded[: len(rows), e] = rows
    return Log(padded[..., :3], padded[..., 3:], lengths)


def _motion(episode: Trace) -> Array:
    """Return pose of base_link and command of each step of one episode, (steps, 5)."""
    yaw = np.unwrap(episode.yaw)
    x, y = episode.x - FRONT * np.cos(yaw), episode.y - FRONT * np.sin(yaw)
    return np.column_stack([x, y, yaw, episode.steering_angle, episode.speed])


def select(log: Log, episodes: slice) -> Log:
    """Return some of the episodes."""
    return Log(log.poses[:, episodes], log.commands[:, episodes], log.lengths[episodes])


def follow(log: Log, model: Model, every: int = 1) -> Start:
    """Simulate all episodes from rest, corrected by what was observed; keep each `every`th step.

    Row k's command acts from pose k on; nothing later than pose k enters the state at step k.
    """
    n = len(log.lengths)
    dynamics = dynamics_matrix(model.car, n)
    states, history = np.zeros((7, n)), np.zeros((n, HISTORY, 2))
    starts: list[Start] = []
    for step in range(len(log.poses) - 1):
        if step:
            states[:3] = log.poses[step - 1].T
            advance(states, history, dynamics, log.commands[step - 1])
            _correct(states, log.poses[step - 1], log.poses[step], model)
        if step and step % every == 0:
            kept = np.flatnonzero(log.lengths > step + HORIZONS[0])
            starts.append(Start(np.full(len(kept), step), kept, states[:, kept], history[kept]))
    steps, episodes, kept_states, histories = zip(*starts, strict=True)
    return Start(
        np.concatenate(steps),
        np.concatenate(episodes),
        np.concatenate(kept_states, axis=1),
        np.concatenate(histories),
    )


def _correct(states: Array, before: Array, after: Array, model: Model) -> None:
    """Move the states (7, n) towards the observed poses (n, 3) of one step earlier and of now."""
    ahead = np.stack([np.cos(before[:, 2]), np.sin(before[:, 2])])
    missed = ((after - before)[:, :2].T * ahead).sum(axis=0)
    missed -= ((states[:2] - before[:, :2].T) * ahead).sum(axis=0)
    turned = (after[:, 2] - states[2]) / DT  # rad/s more than predicted
    moving = states[SPEED] > 0.3  # a car at rest does not show where its wheels point
    arm = model.car.wheelbase / np.maximum(states[SPEED], 0.3)
    states[ANGLE] += model.steering_correction * moving * turned * arm
    states[SPEED] += model.speed_correction * missed / DT
    states[:3] = after.T


def predict(
    log: Log, start: Start, car: CarParameters, horizons: Sequence[int] = HORIZONS
) -> Array:
    """Drive on from the starts under the logged commands; errors as `compare` returns them."""
    states, history = start.states.copy(), start.history.copy()
    dynamics = dynamics_matrix(car, len(start.step))
    last = len(log.commands) - 1
    poses = []
    for ahead in range(horizons[-1]):
        commands = log.commands[np.minimum(start.step + ahead, last), start.episode]
        advance(states, history, dynamics, commands)
        if ahead + 1 in horizons:
            poses.append(states[:3].T.copy())
    return compare(log, start, poses, horizons)


def constant_velocity(log: Log, start: Start) -> Array:
    """Go on as in the last step, straight ahead; errors as `compare` returns them."""
    now = log.poses[start.step, start.episode]
    moved = now - log.poses[start.step - 1, start.episode]
    return compare(log, start, [now + n * moved * [1, 1, 0] for n in HORIZONS], HORIZONS)


def compare(log: Log, start: Start, poses: Sequence[Array], horizons: Sequence[int]) -> Array:
    """Return predicted less observed poses (horizons, m, 3); nan where the episode was over."""
    errors = []
    for ahead, predicted in zip(horizons, poses, strict=True):
        last = log.lengths[start.episode] - 1
        error = predicted - log.poses[np.minimum(start.step + ahead, last), start.episode]
        error[start.step + ahead > last] = np.nan
        errors.append(error)
    return np.array(errors)


def model_of(values: dict[str, float]) -> Model:
    """Return the shipped car with fitted values in place of its own."""
    values = dict(values)
    corrections = values.pop("speed_correction"), values.pop("steering_correction")
    return Model(dataclasses.replace(load_car(), **values), *corrections)


def fit(log: Log) -> dict[str, float]:
    """Find the values of START that predict the log best."""
    names = list(START)

    def residuals(logarithms: Array) -> Array:
        model = model_of(dict(zip(names, np.exp(logarithms).tolist(), strict=True)))
        start = follow(log, model, every=3)
        errors = predict(log, start, model.car, FITTED_HORIZONS)[:, :, :2]
        scaled = np.nan_to_num(errors / np.reshape(TYPICAL_ERRORS, (-1, 1, 1)))
        size = np.linalg.norm(scaled, axis=2, keepdims=True)
        # Large errors count by their size, not by its square: sqrt(rho) of the soft L1 loss.
        soft = np.sqrt(2 * (np.sqrt(1 + size**2) - 1)) / np.maximum(size, 1e-9)
        return (soft * scaled).ravel()

    best = least_squares(residuals, np.log([START[name] for name in names]))
    return dict(zip(names, np.exp(best).tolist(), strict=True))


def least_squares(residuals: Callable[[Array], Array], x: Array) -> Array:
    """Minimise the sum of squared residuals: Levenberg-Marquardt with forward differences."""
    r, damping = residuals(x), 1e-3
    for _ in range(50):
        jacobian = np.stack([(residuals(x + d) - r) / 1e-3 for d in 1e-3 * np.eye(len(x))], axis=1)
        normal, gradient = jacobian.T @ jacobian, jacobian.T @ r
        while damping < 1e6:
            scale = np.diag(normal) + 1e-9 * np.trace(normal)  # some values may not matter at all
            step = -np.linalg.solve(normal + damping * np.diag(scale), gradient)
            trial = residuals(x + step)
            if trial @ trial < r @ r:
                break
            damping *= 10
        else:
            return x
        converged = r @ r - trial @ trial < 1e-5 * (r @ r)
        x, r, damping = x + step, trial, damping / 10
        if converged:
            return x
    return x


def report(title: str, errors: Array) -> None:
    """Print one line of the table: for each horizon the median and p90 in m, yaw in deg."""
    line = f"{title:38}"
    for error in errors:
        median, p90 = np.nanpercentile(np.linalg.norm(error[:, :2], axis=1), [50, 90])
        line += f" | {median:5.3f} {p90:5.3f} {math.degrees(np.nanmedian(abs(error[:, 2]))):5.1f}"
    print(line)


def table(title: str, log: Log, models: dict[str, Model]) -> None:
    """Print the errors of all models and of constant velocity on one part of the log."""
    print(f"\n{title}: {len(log.lengths)} episodes, {log.lengths.sum()} steps")
    print(f"{'time ahead':38}" + "".join(f" | {n * DT:5.2f} s         " for n in HORIZONS))
    print("position: median, p90 (m); yaw: median (deg)")
    for name, model in models.items():
        start = follow(log, model)
        report(name, predict(log, start, model.car))
    report("constant velocity", constant_velocity(log, start))


def identify(folder: Path) -> None:
    """Fit, and print what was found."""
    log = read_log(folder)
    fitted_part, held_out = select(log, slice(0, None, 2)), select(log, slice(1, None, 2))
    values = fit(fitted_part)
    print("identified, for config/car.yaml (the two corrections are for following a log only):")
    for name, value in values.items():
        shown = math.degrees(value) if name == "steering_kick" else value
        print(f"  {name + '_deg' if name == 'steering_kick' else name}: {shown:.4g}")
    model = model_of(values)
    quick = dataclasses.replace(
        load_car(),
        steering_gain=1.0,
        steering_lag=1e-3,
        steering_kick=0.0,
        speed_lag=1e-3,
        delay=0.0,
    )
    models = {
        "identified": model,
        "identified, never corrected": Model(model.car, 0.0, 0.0),
        "as shipped in config/car.yaml": model._replace(car=load_car()),
        "quick actuators": model._replace(car=quick),
    }
    table("fitted", fitted_part, models)
    table("held out", held_out, models)


def main() -> int:
    """Run from the command line; the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("log_dir", type=Path, help="folder with SIM_TRACE csv files")
    log_dir = parser.parse_args().log_dir
    return told(lambda: identify(log_dir))


if __name__ == "__main__":
    sys.exit(main())
