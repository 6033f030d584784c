"""The action space and model_metadata.json."""

import json
import math
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deepracer_agent.actions import (
    Command,
    ContinuousActions,
    DiscreteActions,
    ModelMetadata,
    commands,
    load_metadata,
    metadata_from_json,
    metadata_to_json,
    save_metadata,
    shipped_metadata,
)
from deepracer_sim.errors import UserError

DISCRETE = {
    "action_space": [
        {"steering_angle": -30, "speed": 0.6},
        {"steering_angle": 0, "speed": 1.2},
        {"steering_angle": 30, "speed": 0.6},
    ],
    "action_space_type": "discrete",
    "sensor": ["FRONT_FACING_CAMERA"],
    "neural_network": "DEEP_CONVOLUTIONAL_NETWORK_SHALLOW",
    "training_algorithm": "clipped_ppo",
    "version": "5",
}
CONTINUOUS = DISCRETE | {
    "action_space": {
        "steering_angle": {"low": -20, "high": 30},
        "speed": {"low": 1, "high": 3},
    },
    "action_space_type": "continuous",
}

words = st.text("aeL_ 05.é", max_size=6)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | words,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(words, inner, max_size=4),
    max_leaves=12,
)
angles = st.integers(-300, 300).map(lambda tenths: math.radians(tenths / 10))
speeds = st.integers(1, 40).map(lambda tenths: tenths / 10)


@st.composite
def action_spaces(draw):
    if draw(st.booleans()):
        kinds = st.builds(Command, angles, speeds)
        return DiscreteActions(tuple(draw(st.lists(kinds, min_size=2, max_size=30, unique=True))))
    steering, speed = (
        sorted(draw(st.lists(values, min_size=2, max_size=2, unique=True)))
        for values in (angles, speeds)
    )
    return ContinuousActions(Command(steering[0], speed[0]), Command(steering[1], speed[1]))


# Reading and writing


@pytest.mark.parametrize("name", shipped_metadata())
def test_shipped_files_load(name):
    metadata = load_metadata(name)
    assert metadata.version == 5
    assert metadata.sensor == "FRONT_FACING_CAMERA"


def test_the_presets_are_what_their_names_say():
    assert set(shipped_metadata()) >= {"default", "service_2022", "continuous", "fast", "sac"}
    service = load_metadata("service_2022").action_space
    angles_deg = [-30, -20, -10, 0, 10, 20, 30]
    expected = [(math.radians(a), speed) for a in angles_deg for speed in (1.0, 2.0)]
    assert service.commands == tuple(expected)
    assert load_metadata("fast").action_space.high == (math.radians(30), 4.0)
    assert load_metadata("continuous").training_algorithm == "clipped_ppo"
    assert load_metadata("sac").training_algorithm == "sac"


def test_a_file_in_degrees_becomes_radians(tmp_path):
    path = tmp_path / "model_metadata.json"
    path.write_text(json.dumps(DISCRETE))
    metadata = load_metadata(path)
    assert metadata.action_space.commands[0] == (math.radians(-30), 0.6)
    assert metadata == ModelMetadata(metadata.action_space)


def test_what_is_written_is_the_same_json_again():
    for data in (DISCRETE, CONTINUOUS):
        assert metadata_to_json(metadata_from_json(data)) == data


@settings(deadline=None)
@given(action_spaces(), st.booleans())
def test_round_trip(tmp_path_factory, space, sac):
    algorithm = "sac" if sac and isinstance(space, ContinuousActions) else "clipped_ppo"
    metadata = ModelMetadata(space, "observation", "DEEP_CONVOLUTIONAL_NETWORK", algorithm)
    path = tmp_path_factory.mktemp("model") / "model_metadata.json"
    save_metadata(metadata, path)
    again = load_metadata(path)
    assert again.sensor == "observation"
    assert again.neural_network == "DEEP_CONVOLUTIONAL_NETWORK"
    assert again.training_algorithm == algorithm
    if isinstance(space, DiscreteActions):
        np.testing.assert_allclose(again.action_space.table, space.table, atol=1e-10)
    else:
        np.testing.assert_allclose(again.action_space.low, space.low, atol=1e-10)
        np.testing.assert_allclose(again.action_space.high, space.high, atol=1e-10)


def test_missing_keys_mean_what_they_mean_to_deepracer():
    oldest = metadata_from_json({"action_space": DISCRETE["action_space"]})
    assert oldest == ModelMetadata(
        oldest.action_space,
        "observation",
        "DEEP_CONVOLUTIONAL_NETWORK_SHALLOW",
        "clipped_ppo",
        1,
    )
    with_sensor = {key: DISCRETE[key] for key in ("action_space", "sensor")}
    assert metadata_from_json(with_sensor).version == 2


@pytest.mark.parametrize(("version", "read"), [("4.0", 4), ("5", 5), (3, 3), (2.0, 2), ("6", 6)])
def test_versions_are_read_as_files_give_them(version, read):
    assert metadata_from_json(DISCRETE | {"version": version}).version == read


def test_what_the_service_adds_is_ignored():
    actions = [action | {"index": i} for i, action in enumerate(DISCRETE["action_space"])]
    data = DISCRETE | {"action_space": actions, "lidar_config": {"num_sectors": 8}}
    data |= {"preprocess_type": "GREY_SCALE", "regional_parameters": ["0", "0", "0", "0"]}
    assert metadata_from_json(data) == metadata_from_json(DISCRETE)


@pytest.mark.parametrize("data", [DISCRETE, CONTINUOUS])
def test_what_the_service_wrote_as_text_is_read(tmp_path, data):
    text = json.loads(json.dumps(data), parse_int=str, parse_float=str)
    text["sensor"] = text["sensor"][0]
    if data is DISCRETE:
        text["action_space"][1]["index"] = "1"
    path = tmp_path / "model_metadata.json"
    path.write_text(json.dumps(text))
    assert load_metadata(path) == metadata_from_json(data)


# What is refused


def action(steering_angle, speed, **more):
    return {"steering_angle": steering_angle, "speed": speed} | more


def with_actions(*actions):
    return DISCRETE | {"action_space": list(actions)}


def with_ranges(steering_angle, speed):
    return CONTINUOUS | {"action_space": action(steering_angle, speed)}


FINE = {"low": 1, "high": 2}
MANY = [action(i, 1.0) for i in range(-15, 16)]
BAD = [
    ({}, "'action_space' is missing"),
    (DISCRETE | {"action_spaces": 1}, "unknown key 'action_spaces'.*'action_space'"),
    (with_actions(), "has 0 actions; accepted are 2 to 30"),
    (with_actions(action(0, 1)), "has 1 actions"),
    (with_actions(*MANY), "has 31 actions"),
    (with_actions(action(0, 1), action(5, 1), action(0.0, 1.0)), r"\[0\] and .*\[2\] are the same"),
    (with_actions(action(0, 1), action(30.1, 1)), r"\[1\].steering_angle is 30.1.*-30 to 30 deg"),
    (with_actions(action(0, 1), action(-31, 1)), r"\[1\].steering_angle is -31"),
    (with_actions(action(0, 1), action(0, 4.1)), r"\[1\].speed is 4.1.*0.1 to 4 m/s"),
    (with_actions(action(0, 1), action(0, 0)), r"\[1\].speed is 0;"),
    (with_actions(action(0, 1), action(0, "fast")), r"\[1\].speed is 'fast'"),
    (with_actions(action(0, 1), action(0, math.nan)), r"\[1\].speed is nan"),
    (with_actions(action(0, 1), action(True, 1)), r"\[1\].steering_angle is True"),
    (with_actions(action(0, 1), action(0, 2, index="b")), r"\[1\].index is 'b'"),
    (with_actions(action(0, 1), action(0, 2, gear=1)), r"\[1\]: unknown key 'gear'"),
    (with_actions(action(0, 1), {"speed": 1}), r"\[1\]: the key 'steering_angle' is missing"),
    (with_actions(action(0, 1), [0, 2]), r"\[1\] is \[0, 2\]"),
    (DISCRETE | {"action_space": CONTINUOUS["action_space"]}, "action_space is .*a list of"),
    (DISCRETE | {"action_space": None}, "action_space is None"),
    (CONTINUOUS | {"action_space": DISCRETE["action_space"]}, "action_space is .*an object"),
    (with_ranges({"low": 5, "high": 5}, FINE), "steering_angle: low is 5 and high is 5"),
    (with_ranges({"low": -5, "high": 5}, {"low": 2, "high": 1}), "speed: low is 2 and high is 1"),
    (with_ranges({"low": -5, "high": 45}, FINE), "steering_angle.high is 45"),
    (with_ranges({"low": -5, "high": 5}, {"low": 0, "high": 1}), "speed.low is 0"),
    (with_ranges({"low": -5, "high": 5}, {"low": 1}), "speed: the key 'high' is missing"),
    (with_ranges({"low": -5, "high": 5}, 1.0), "action_space.speed is 1.0"),
    (with_ranges({"low": -5, "high": 5}, FINE | {"mid": 1}), "speed: unknown key 'mid'"),
    (DISCRETE | {"action_space_type": "contiguous"}, "'contiguous'.*Did you mean 'continuous'"),
    (DISCRETE | {"sensor": ["STEREO_CAMERAS"]}, "'STEREO_CAMERAS' is not supported yet"),
    (DISCRETE | {"sensor": ["FRONT_FACING_CAMERA", "LIDAR"]}, "'LIDAR' is not supported yet"),
    (DISCRETE | {"sensor": ["SECTOR_LIDAR"]}, "'SECTOR_LIDAR' is not supported yet"),
    (DISCRETE | {"sensor": ["RADAR"]}, r"sensor\[0\] is 'RADAR'; accepted is 'FRONT_FACING"),
    (DISCRETE | {"sensor": []}, "names 0 sensors"),
    (DISCRETE | {"sensor": ["observation", "observation"]}, "names 2 sensors"),
    (DISCRETE | {"sensor": None}, "a list with one sensor"),
    (DISCRETE | {"sensor": "LIDAR"}, "'LIDAR' is not supported yet"),
    (DISCRETE | {"sensor": [7]}, r"sensor\[0\] is 7"),
    (DISCRETE | {"neural_network": "RESNET"}, "neural_network is 'RESNET'.*CONVOLUTIONAL"),
    (DISCRETE | {"training_algorithm": "ppo"}, "'ppo'; accepted is 'clipped_ppo' or 'sac'"),
    (DISCRETE | {"training_algorithm": "sac"}, "SAC needs the action_space_type 'continuous'"),
    (DISCRETE | {"version": "7"}, "version is 7.0; accepted is a whole number from 1 to 6"),
    (DISCRETE | {"version": "five"}, "version is 'five'"),
    (DISCRETE | {"version": "nan"}, "version is nan"),
    (DISCRETE | {"version": None}, "version is None"),
]


@pytest.mark.parametrize(("data", "said"), BAD, ids=[said for _, said in BAD])
def test_bad_metadata_is_refused(data, said):
    with pytest.raises(UserError, match=said):
        metadata_from_json(data)


@pytest.mark.parametrize("name", ["", ".", "none", "none.json", "x\0y", "../default"])
def test_a_name_that_is_nothing_is_refused(name):
    with pytest.raises(UserError):
        load_metadata(name)


def test_a_refusal_names_the_file(tmp_path):
    path = tmp_path / "mine.json"
    path.write_text(json.dumps(DISCRETE | {"neural_network": "RESNET"}))
    with pytest.raises(UserError, match=rf"{path}: neural_network is 'RESNET'"):
        load_metadata(path)


@settings(deadline=None)
@given(st.dictionaries(st.sampled_from([*DISCRETE, "lidar_config", "x"]), json_values))
def test_any_object_is_metadata_or_a_user_error(data):
    check_metadata_or_error(data)


@settings(deadline=None)
@given(st.sampled_from([DISCRETE, CONTINUOUS]), st.data(), json_values)
def test_one_wrong_value_anywhere_is_metadata_or_a_user_error(valid, data, value):
    broken = json.loads(json.dumps(valid))
    place = broken
    while True:
        keys = list(place) if isinstance(place, dict) else list(range(len(place)))
        key = data.draw(st.sampled_from(keys))
        if not isinstance(place[key], dict | list) or data.draw(st.booleans()):
            break
        place = place[key]
    place[key] = value
    check_metadata_or_error(broken)


def check_metadata_or_error(data):
    try:
        metadata = metadata_from_json(data)
    except UserError:
        return
    again = metadata_from_json(metadata_to_json(metadata))
    one, other = limits(again.action_space), limits(metadata.action_space)
    np.testing.assert_allclose(one, other, atol=1e-10)


def limits(space):
    """All commands of a space, or its lowest and highest."""
    return space.table if isinstance(space, DiscreteActions) else np.array((space.low, space.high))


# Commands


def test_discrete_actions_choose_from_the_list():
    metadata = metadata_from_json(DISCRETE)
    expected = [[math.radians(30), 0.6], [math.radians(-30), 0.6], [0.0, 1.2]]
    chosen = commands(metadata, np.array([2, 0, 1]))
    np.testing.assert_array_equal(chosen, expected)
    assert chosen.dtype == np.float64
    chosen[:] = 9.0  # the caller's own array
    np.testing.assert_array_equal(commands(metadata, np.array([2, 0, 1])), expected)


def test_continuous_actions_are_rescaled_and_clipped():
    metadata = metadata_from_json(CONTINUOUS)  # -20..30 deg, 1..3 m/s
    actions = np.array([[-1, -1], [1, 1], [0, 0], [0.5, -0.5], [7, -7]], dtype=np.float32)
    expected_deg = [-20, 30, 5, 17.5, 30]
    expected_speed = [1, 3, 2, 1.5, 1]
    result = commands(metadata, actions)
    np.testing.assert_allclose(np.degrees(result[:, 0]), expected_deg, atol=1e-12)
    np.testing.assert_allclose(result[:, 1], expected_speed, atol=1e-12)
    np.testing.assert_array_equal(result[0], metadata.action_space.low)  # exactly
    np.testing.assert_array_equal(result[1], metadata.action_space.high)


@settings(deadline=None)
@given(action_spaces(), st.lists(st.tuples(st.floats(-9, 9), st.floats(-9, 9)), min_size=1))
def test_continuous_commands_stay_within_their_range(space, actions):
    if isinstance(space, DiscreteActions):
        return
    result = commands(ModelMetadata(space), np.array(actions))
    assert (result >= np.array(space.low) - 1e-12).all()
    assert (result <= np.array(space.high) + 1e-12).all()


def test_no_cars_no_commands():
    assert commands(metadata_from_json(DISCRETE), np.zeros(0, int)).shape == (0, 2)
    assert commands(metadata_from_json(CONTINUOUS), np.zeros((0, 2))).shape == (0, 2)


@pytest.mark.parametrize(
    ("data", "actions"),
    [
        (DISCRETE, np.array([0, 3])),
        (DISCRETE, np.array([-1])),
        (DISCRETE, np.array([0.0])),
        (DISCRETE, np.array([[0, 1]])),
        (CONTINUOUS, np.array([0.0, 1.0])),
        (CONTINUOUS, np.zeros((4, 3))),
        (CONTINUOUS, np.array([[math.nan, 0.0]])),
        (CONTINUOUS, np.array([[0.0, math.inf]])),
    ],
)
def test_actions_that_make_no_sense_are_an_error(data, actions):
    with pytest.raises(ValueError, match="actions"):
        commands(metadata_from_json(data), actions)


def test_the_module_needs_nothing_heavy():
    code = (
        "import sys, deepracer_agent.actions;"
        "print(*{'torch', 'gymnasium', 'numba', 'stable_baselines3', 'yaml'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""
