"""The environment: a fleet of cars as Stable-Baselines3 and Gymnasium see it."""

from collections.abc import Callable, Sequence
from typing import Any, Protocol

import gymnasium
import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray
from stable_baselines3.common.vec_env import VecEnv
from stable_baselines3.common.vec_env.base_vec_env import VecEnvIndices, VecEnvObs, VecEnvStepReturn

from deepracer_agent.actions import DiscreteActions, ModelMetadata, commands
from deepracer_agent.observation import HEIGHT, WIDTH, observe
from deepracer_agent.rewards import Reward, reward_params
from deepracer_sim.fleet import Fleet
from deepracer_sim.referee import Status, Verdict

Array = NDArray[np.float64]

# A lap's end and a time limit interrupt a drive that would go on, and no camera shows either
# coming: the learner looks past them (truncation). The other ends are the driver's own doing.
TRUNCATIONS = (Status.LAP_COMPLETE, Status.TIME_UP)


class Listener(Protocol):
    """What takes down a training: called after every step of all cars."""

    def __call__(
        self, verdict: Verdict, actions: NDArray[Any], rewards: Array, done: NDArray[np.bool_]
    ) -> None:
        """Arrays are (n,); actions are indices (n,) or (n, 2)."""


def observation_space() -> spaces.Box:
    """One grey picture, channel first: (1, 36, 50)."""
    return spaces.Box(0, 255, (1, HEIGHT, WIDTH), np.uint8)


def action_space(metadata: ModelMetadata) -> spaces.Discrete | spaces.Box:
    """An index into the list of actions, or steering and speed, both in [-1, 1]."""
    if isinstance(metadata.action_space, DiscreteActions):
        return spaces.Discrete(len(metadata.action_space.commands))
    return spaces.Box(-1.0, 1.0, (2,), np.float32)


def _judge(reward: Reward, fleet: Fleet, verdict: Verdict) -> Array:
    """What the reward function gives each car, (n,)."""
    parts = fleet.by_track(verdict)
    return reward([params for track, part in parts for params in reward_params(part, track)])


class DrivingVecEnv(VecEnv):
    """n cars learning at once. An episode that ends is followed by the next one at once."""

    def __init__(
        self,
        fleet: Fleet,
        metadata: ModelMetadata,
        reward: Reward,
        listener: Listener | None = None,
    ) -> None:
        """Drive a fleet; the listener hears of every step."""
        self.fleet = fleet
        self.render_mode = "rgb_array"
        self._metadata = metadata
        self._reward = reward
        self._listener = listener
        self._actions: NDArray[Any] = np.empty(0)
        super().__init__(fleet.n, observation_space(), action_space(metadata))

    def reset(self) -> VecEnvObs:
        """Begin anew with all cars; return observations (n, 1, 36, 50)."""
        self.fleet.restart_all()
        return observe(self.fleet.frames())

    def step_async(self, actions: NDArray[Any]) -> None:
        """Take the actions of the step to come."""
        self._actions = actions

    def step_wait(self) -> VecEnvStepReturn:
        """Advance one control period: observations, rewards (n,), done (n,), infos."""
        verdict = self.fleet.step(commands(self._metadata, self._actions))
        rewards = _judge(self._reward, self.fleet, verdict)
        done = verdict.status != Status.IN_PROGRESS
        if self._listener:
            self._listener(verdict, self._actions, rewards, done)
        observations, infos = self._look(verdict, done)
        return observations, rewards.astype(np.float32), done, infos

    def _look(
        self, verdict: Verdict, done: NDArray[np.bool_]
    ) -> tuple[NDArray[np.uint8], list[dict[str, Any]]]:
        """Begin new episodes where one is done; return observations (n, 1, 36, 50) and infos."""
        frames = self.fleet.frames()
        cars = np.flatnonzero(done)
        self.fleet.restart(cars)  # before the work on the frames: other processes do it meanwhile
        observations = observe(frames)
        infos: list[dict[str, Any]] = [{} for _ in range(self.num_envs)]
        for car in cars:
            infos[car] = {
                "terminal_observation": observations[car].copy(),
                "TimeLimit.truncated": verdict.status[car] in TRUNCATIONS,
            }
        if len(cars):
            observations[cars] = observe(self.fleet.frames(cars))
        return observations, infos

    def close(self) -> None:
        """Close the worlds."""
        self.fleet.close()

    def get_images(self) -> Sequence[NDArray[np.uint8] | None]:
        """The camera frames, grey as colour (h, w, 3)."""
        return [np.repeat(frame[..., None], 3, axis=-1) for frame in self.fleet.frames()]

    def get_attr(self, attr_name: str, indices: VecEnvIndices = None) -> list[Any]:
        """An attribute, the same for every car."""
        return [getattr(self, attr_name)] * len(list(self._get_indices(indices)))

    def set_attr(self, attr_name: str, value: Any, indices: VecEnvIndices = None) -> None:
        """Set an attribute, for all cars."""
        setattr(self, attr_name, value)

    def env_method(
        self, method_name: str, *args: Any, indices: VecEnvIndices = None, **kwargs: Any
    ) -> list[Any]:
        """Call a method once per car."""
        method: Callable[..., Any] = getattr(self, method_name)
        return [method(*args, **kwargs) for _ in self._get_indices(indices)]

    def env_is_wrapped(
        self,
        wrapper_class: type[gymnasium.Wrapper[Any, Any, Any, Any]],
        indices: VecEnvIndices = None,
    ) -> list[bool]:
        """Never: the cars have no environments of their own."""
        return [False] * len(list(self._get_indices(indices)))


class DrivingEnv(gymnasium.Env[NDArray[np.uint8], Any]):
    """One car as a Gymnasium environment."""

    metadata = {"render_modes": ["rgb_array"], "render_fps": 15}

    def __init__(self, fleet: Fleet, metadata: ModelMetadata, reward: Reward) -> None:
        """Drive a fleet of one car."""
        if fleet.n != 1:
            raise ValueError(f"a Gymnasium environment is one car, the fleet has {fleet.n}")
        self.render_mode = "rgb_array"
        self.observation_space = observation_space()
        self.action_space = action_space(metadata)
        self._fleet = fleet
        self._model_metadata = metadata
        self._reward = reward

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[NDArray[np.uint8], dict[str, Any]]:
        """Begin the next episode; a seed picks the place of its start."""
        super().reset(seed=seed)
        if seed is None:
            self._fleet.restart(np.zeros(1, np.int64))
        else:
            self._fleet.restart_all(seed)
        return observe(self._fleet.frames())[0], {}

    def step(self, action: Any) -> tuple[NDArray[np.uint8], float, bool, bool, dict[str, Any]]:
        """Advance one control period: observation, reward, terminated, truncated, info."""
        verdict = self._fleet.step(commands(self._model_metadata, np.asarray(action)[None]))
        reward = float(_judge(self._reward, self._fleet, verdict)[0])
        status = Status(verdict.status[0])
        truncated = status in TRUNCATIONS
        terminated = status != Status.IN_PROGRESS and not truncated
        info = {"status": status.label, "progress_pct": float(verdict.progress_pct[0])}
        return observe(self._fleet.frames())[0], reward, terminated, truncated, info

    def render(self) -> NDArray[np.uint8]:
        """The camera frame, grey as colour (h, w, 3)."""
        return np.repeat(self._fleet.frames()[0][..., None], 3, axis=-1)

    def close(self) -> None:
        """Close the world."""
        self._fleet.close()
