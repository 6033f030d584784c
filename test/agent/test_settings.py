"""Where a training takes place: its file, and the fleet that it stands for."""

import json
from dataclasses import replace

import numpy as np
import pytest

from deepracer_agent.settings import FILE, Settings, build_fleet, load_settings, save_settings
from deepracer_sim.errors import UserError

OTHER = Settings(("oval", "random:2"), "deepracer", "deepracer_lens", 3, 5, True, True, "strong")


@pytest.fixture
def change(tmp_path):
    """A function that saves settings with some values changed; None removes one."""

    def save(**values):
        save_settings(Settings(), tmp_path)
        data = {**json.loads((tmp_path / FILE).read_text()), **values}
        kept = {key: value for key, value in data.items() if value is not None}
        (tmp_path / FILE).write_text(json.dumps(kept))
        return tmp_path

    return save


@pytest.mark.parametrize("settings", [Settings(), OTHER])
def test_settings_come_back(tmp_path, settings):
    save_settings(settings, tmp_path)
    assert load_settings(tmp_path) == settings


def test_missing_settings_are_told(tmp_path):
    with pytest.raises(UserError, match=r"settings\.json is missing"):
        load_settings(tmp_path)


@pytest.mark.parametrize("content", ["", "{", "[]", '{"cars": NaN}', "\x00"])
def test_what_is_no_json_object_is_refused(tmp_path, content):
    (tmp_path / FILE).write_text(content)
    with pytest.raises(UserError, match=r"settings\.json"):
        load_settings(tmp_path)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("cars", 0),
        ("cars", -1),
        ("cars", 10**9),
        ("cars", 2.5),
        ("cars", True),
        ("cars", "64"),
        ("seed", -1),
        ("seed", 2**32),
        ("tracks", []),
        ("tracks", "oval"),
        ("tracks", [1]),
        ("car", 1),
        ("camera", []),
        ("clockwise", 1),
        ("alternate", "yes"),
        ("randomize", "wild"),
        ("randomize", True),
        ("colour", "red"),
    ],
)
def test_a_wrong_value_is_told_with_its_key(change, key, value):
    with pytest.raises(UserError, match=rf"settings\.json: .*{key.removesuffix('s')}"):
        load_settings(change(**{key: value}))


def test_a_model_from_before_there_was_a_choice_is_plain(change):
    settings = load_settings(change(randomize=None, world=None))
    assert (settings.randomize, settings.world) == ("off", "embedded")


@pytest.mark.parametrize("key", Settings.__annotations__.keys() - {"randomize", "world"})
def test_a_missing_value_is_told_with_its_key(change, key):
    with pytest.raises(UserError, match=key):
        load_settings(change(**{key: None}))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"tracks": ("nowhere",)}, "no track 'nowhere'"),
        ({"car": "lorry"}, "lorry"),
        ({"camera": "eye"}, "eye"),
        ({"tracks": ("random:4",)}, "3 cars cannot drive on 4 tracks"),
    ],
)
def test_what_there_is_not_is_told(change, message):
    with pytest.raises(UserError, match=message):
        build_fleet(replace(Settings(), **change), 3)


def test_cars_are_spread_evenly_over_the_tracks():
    fleet = build_fleet(OTHER, 8)
    assert [world.n for world in fleet.worlds] == [3, 3, 2]
    assert [world.track.name for world in fleet.worlds][0] == "oval"
    assert fleet.n == 8


def test_a_fleet_is_randomised_only_when_asked():
    settings = Settings(("oval", "hairpins"))
    plain = build_fleet(settings, 2)
    fleets = [build_fleet(settings, 2, randomize="mild") for _ in range(2)]
    frames = [fleet.frames() for fleet in [plain, *fleets]]
    assert not np.array_equal(frames[0], frames[1])
    np.testing.assert_array_equal(frames[1], frames[2])
    drawn = [world._drawn["friction"] for world in fleets[0].worlds]
    assert drawn[0] != drawn[1]  # worlds of one training are not alike
    for fleet in fleets:
        fleet.restart_all(nominal=True)
        np.testing.assert_array_equal(fleet.frames(), frames[0])


def test_a_car_stands_where_its_turn_is():
    spread, on_the_line = (
        build_fleet(Settings(("oval",)), 4, round_robin=round_robin)
        for round_robin in (True, False)
    )
    assert len({*spread.worlds[0].states.x.tolist()}) > 1
    assert len({*on_the_line.worlds[0].states.x.tolist()}) == 1
