"""The identification finds the car that drove a made-up log, and refuses what is no log."""

import csv
import dataclasses
from pathlib import Path

import numpy as np
import pytest

from bench.identify_car import Model, fit, follow, identify, predict, read_log
from deepracer_agent.simtrace import COLUMNS
from deepracer_sim.car import CarParameters, Cars, load_car
from deepracer_sim.errors import UserError
from deepracer_sim.referee import FRONT

DRIVEN = dataclasses.replace(
    load_car(),
    steering_gain=0.75,
    steering_lag=0.4,
    steering_kick=0.02,
    speed_lag=0.25,
    max_acceleration=3.5,
    delay=0.03,
)
EPISODES, STEPS = 12, 60


def write_log(folder: Path, car: CarParameters) -> None:
    """Let cars drive at random, and write what they did as the service does."""
    random = np.random.default_rng(3)
    cars = Cars(car, EPISODES)
    rows: list[list[list[object]]] = [[] for _ in range(EPISODES)]
    for step in range(STEPS):
        state = cars.state
        steer_deg = 10.0 * random.integers(-3, 4, EPISODES)
        throttle = random.choice([1.0, 2.0], EPISODES)
        front = state.x + FRONT * np.cos(state.yaw), state.y + FRONT * np.sin(state.yaw)
        for e in range(EPISODES):
            motion = [front[0][e], front[1][e], np.degrees(state.yaw[e]), steer_deg[e], throttle[e]]
            rest = [3, 1.0, False, True, 0.0, 1, 17.7, step / 15, "in_progress"]
            rows[e].append([e, step + 1, *motion, *rest])
        cars.step(np.column_stack([np.radians(steer_deg), throttle]))
    for number, part in enumerate((rows[: EPISODES // 2], rows[EPISODES // 2 :])):
        with (folder / f"{number}-iteration.csv").open("w", newline="") as file:
            csv.writer(file).writerows(
                [COLUMNS[:16], *(row for episode in part for row in episode)]
            )


def test_the_car_that_drove_is_found(tmp_path):
    write_log(tmp_path, DRIVEN)
    found = fit(read_log(tmp_path))
    for name in ("steering_gain", "steering_lag", "steering_kick", "speed_lag", "delay"):
        assert found[name] == pytest.approx(getattr(DRIVEN, name), rel=0.02), name


def test_the_true_model_predicts_without_error(tmp_path):
    write_log(tmp_path, DRIVEN)
    log = read_log(tmp_path)
    errors = predict(log, follow(log, Model(DRIVEN, 0.0, 0.0)), DRIVEN)
    assert np.nanmax(abs(errors)) < 1e-6


def test_a_prediction_knows_nothing_later_than_its_start(tmp_path):
    write_log(tmp_path, DRIVEN)
    log = read_log(tmp_path)
    model = Model(load_car(), 0.2, 0.5)
    before = follow(log, model)
    log.poses[21:] += 1.0
    log.commands[20:] += 1.0
    after = follow(log, model)
    early = before.step <= 20
    assert np.array_equal(before.states[:, early], after.states[:, early])
    assert np.array_equal(before.history[early], after.history[early])
    assert not np.array_equal(before.states, after.states)


def test_the_tables_are_printed_for_both_parts(tmp_path, capsys):
    write_log(tmp_path, DRIVEN)
    identify(tmp_path)
    printed = capsys.readouterr().out
    assert f"fitted: {EPISODES // 2} episodes, {EPISODES // 2 * STEPS} steps" in printed
    assert f"held out: {EPISODES // 2} episodes, {EPISODES // 2 * STEPS} steps" in printed
    assert "steering_kick_deg: 1.1" in printed


def test_a_folder_without_a_log_is_refused(tmp_path):
    with pytest.raises(UserError, match="found 0 episodes"):
        read_log(tmp_path)


def test_a_damaged_log_is_refused_with_its_place(tmp_path):
    write_log(tmp_path, DRIVEN)
    path = tmp_path / "0-iteration.csv"
    path.write_text(path.read_text().replace(",-30.0,", ",left,"))
    with pytest.raises(UserError, match="0-iteration.csv: line .*'steer'"):
        read_log(tmp_path)
