"""The environment, as Gymnasium's and Stable-Baselines3's own checkers and learners see it."""

import math

import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env as check_for_gymnasium
from stable_baselines3.common.env_checker import check_env as check_for_sb3
from stable_baselines3.common.vec_env import VecMonitor

from deepracer_agent.actions import (
    Command,
    ContinuousActions,
    DiscreteActions,
    ModelMetadata,
    load_metadata,
)
from deepracer_agent.env import DrivingEnv, DrivingVecEnv
from deepracer_agent.observation import observe
from deepracer_agent.rewards import load_reward
from deepracer_sim.fleet import Fleet
from deepracer_sim.referee import Status
from deepracer_sim.track_files import load_track
from deepracer_sim.world import EmbeddedWorld

LEFT, STRAIGHT, RIGHT = 0, 1, 2
ROUND_AND_ROUND = ModelMetadata(
    ContinuousActions(Command(math.radians(-30), 0.5), Command(math.radians(30), 1.5))
)
STAND = ModelMetadata(DiscreteActions((Command(0.0, 0.0), Command(0.0, 1.0))))


@pytest.fixture
def make_fleet(round_track):
    def make(n=1, track=round_track, **rules):
        return Fleet([EmbeddedWorld(load_track(track), n)], **rules)

    return make


@pytest.fixture
def two_tracks(round_track):
    """A fleet of three cars: two on the round track, one on the oval."""
    return Fleet([EmbeddedWorld(load_track(round_track), 2), EmbeddedWorld(load_track("oval"), 1)])


def zero(params):
    return np.zeros(len(params))


def drive_on(env, action):
    """Repeat one action for all cars until the first episode ends; return the info on it."""
    actions = np.repeat(np.asarray(action)[None], env.num_envs, axis=0)
    for _ in range(1000):
        _, _, done, infos = env.step(actions)
        if done.any():
            return infos[int(np.argmax(done))]
    raise AssertionError("no episode has ended")


@pytest.mark.parametrize("actions", ["default", "continuous"])
@pytest.mark.filterwarnings("ignore:.*alternative render modes.*")  # one needs gymnasium.make
def test_the_checkers_find_nothing(make_fleet, actions):
    env = DrivingEnv(make_fleet(), load_metadata(actions), load_reward())
    check_for_gymnasium(env, skip_render_check=False)
    check_for_sb3(env)
    env.close()


def test_a_gymnasium_environment_is_one_car(make_fleet, three_actions):
    with pytest.raises(ValueError, match="the fleet has 2"):
        DrivingEnv(make_fleet(2), three_actions, zero)


def test_a_seed_picks_the_start(make_fleet, three_actions):
    env = DrivingEnv(make_fleet(), three_actions, zero)
    first, again, other = (env.reset(seed=seed)[0] for seed in (0, 0, 7))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_one_car_is_told_how_an_episode_ends(make_fleet, three_actions):
    env = DrivingEnv(make_fleet(time_limit=0.5), three_actions, zero)
    env.reset()
    ends = [env.step(STRAIGHT)[2:] for _ in range(8)]
    assert [end[:2] for end in ends] == [(False, False)] * 7 + [(False, True)]
    assert ends[-1][2]["status"] == "Time up"
    assert 0.0 < ends[-1][2]["progress_pct"] < 100.0


def test_several_tracks_are_one_environment(two_tracks, three_actions):
    env = VecMonitor(DrivingVecEnv(two_tracks, three_actions, load_reward()))
    observations = env.reset()
    assert observations.shape == (3, *env.observation_space.shape)
    assert observations.dtype == np.uint8
    seen = observations.copy()
    for _ in range(60):
        observations, rewards, done, infos = env.step(np.full(3, STRAIGHT))
        assert observations.shape == seen.shape
        assert rewards.shape == done.shape == (3,)
        if done.any():
            break
    assert infos[int(np.argmax(done))]["episode"]["r"] > 0.0
    assert not np.array_equal(observations, seen)
    env.close()


def test_the_rest_of_the_vec_env_interface(two_tracks, three_actions):
    env = DrivingVecEnv(two_tracks, three_actions, zero)
    assert env.num_envs == 3
    assert env.get_attr("num_envs", [0, 2]) == [3, 3]
    env.set_attr("note", "x")
    assert env.get_attr("note") == ["x"] * 3
    assert not env.has_attr("nothing")
    assert len(env.env_method("get_images", indices=1)) == 1
    assert env.env_is_wrapped(VecMonitor) == [False] * 3
    assert [image.shape for image in env.get_images()] == [(120, 160, 3)] * 3
    assert env.render(mode="rgb_array").ndim == 3


def test_rewards_are_each_cars_own(two_tracks, three_actions):
    seen = []

    def reward(params):
        seen.append(params)
        return np.array([10.0, 20.0, 30.0])

    heard = []
    env = DrivingVecEnv(two_tracks, three_actions, reward, lambda *told: heard.append(told))
    env.reset()
    rewards = env.step(np.array([LEFT, STRAIGHT, RIGHT]))[1]
    assert rewards.tolist() == [10.0, 20.0, 30.0]
    (params,) = seen
    lengths = [2 * math.pi, 2 * math.pi, 6.4 + 2.4 * math.pi]
    assert [one["track_length"] for one in params] == pytest.approx(lengths, rel=1e-3)
    assert [one["steering_angle"] for one in params] == pytest.approx([20.0, 0.0, -20.0])
    assert [one["steps"] for one in params] == [1, 1, 1]
    ((verdict, actions, told, done),) = heard
    assert [one["x"] for one in params] == verdict.x.tolist()
    assert actions.tolist() == [LEFT, STRAIGHT, RIGHT]
    assert told.tolist() == [10.0, 20.0, 30.0]
    assert not done.any()


def test_leaving_the_track_is_the_drivers_own_doing(make_fleet, three_actions):
    env = DrivingVecEnv(make_fleet(2), three_actions, zero)
    env.reset()
    info = drive_on(env, STRAIGHT)
    assert info["TimeLimit.truncated"] is False


def test_turning_round_is_the_drivers_own_doing(tmp_path):
    path = tmp_path / "wide.yaml"
    path.write_text("name: wide\nwidth: 2.4\nsegments:\n  - left: {radius: 2.0, angle_deg: 360}\n")
    statuses = []
    env = DrivingVecEnv(
        Fleet([EmbeddedWorld(load_track(str(path)), 1)]),
        ROUND_AND_ROUND,
        zero,
        lambda verdict, *_: statuses.append(verdict.status[0]),
    )
    env.reset()
    info = drive_on(env, [1.0, -1.0])
    assert statuses[-1] == Status.REVERSED
    assert info["TimeLimit.truncated"] is False


def test_standing_still_is_the_drivers_own_doing(make_fleet):
    env = DrivingVecEnv(make_fleet(), STAND, zero)
    env.reset()
    info = drive_on(env, 0)
    assert info["TimeLimit.truncated"] is False


def test_time_that_is_up_is_a_truncation(make_fleet, three_actions):
    env = DrivingVecEnv(make_fleet(2, time_limit=0.3), three_actions, zero)
    env.reset()
    info = drive_on(env, STRAIGHT)
    assert info["TimeLimit.truncated"] is True


def test_a_complete_lap_is_a_truncation(make_fleet):
    statuses = []
    env = DrivingVecEnv(
        make_fleet(), ROUND_AND_ROUND, zero, lambda verdict, *_: statuses.append(verdict.status[0])
    )
    env.reset()
    # the circle of radius 1 m by the bicycle model, with what the steering of this car gives
    angle = math.degrees(math.atan(0.164)) / 0.814 / 30
    info = drive_on(env, [angle, 0.0])
    assert statuses[-1] == Status.LAP_COMPLETE
    assert info["TimeLimit.truncated"] is True


def test_the_last_frame_is_handed_over_and_the_next_episode_begun(make_fleet, three_actions):
    env, twin = DrivingVecEnv(make_fleet(), three_actions, zero), make_fleet()
    env.reset()
    twin.restart_all()
    command = np.array([[0.0, 1.0]])
    steps = 1
    while twin.step(command).status[0] == Status.IN_PROGRESS:
        steps += 1
    last = observe(twin.frames())[0]
    for _ in range(steps):
        observations, _, done, infos = env.step(np.array([STRAIGHT]))
    assert done[0]
    assert np.array_equal(infos[0]["terminal_observation"], last)
    twin.restart(np.array([0]))
    assert np.array_equal(observations, observe(twin.frames()))
    assert not np.array_equal(observations[0], last)
