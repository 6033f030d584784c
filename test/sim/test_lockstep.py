"""Lockstep: what is asked is done once, for who knows this life of the world, and garbage never."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from deepracer_sim.car import CarStates
from deepracer_sim.lockstep import (
    COMMANDS,
    LARGEST_ID,
    NOMINAL_POSES,
    POSES,
    STATES,
    Header,
    Lockstep,
    Request,
    new_id,
)
from deepracer_sim.randomized_world import embedded_world
from deepracer_sim.track_files import load_track
from deepracer_sim.world import EmbeddedWorld

CARS = 3
AHEAD = np.full((CARS, 2), [0.1, 1.0])


@pytest.fixture(scope="module")
def world(round_track):
    return EmbeddedWorld(load_track(round_track), CARS)


@pytest.fixture
def server(world):
    world.reset(np.arange(CARS), np.zeros((CARS, 3)))
    return Lockstep(world)


def step(server, number, commands=AHEAD, client=1):
    return server.answer(Request(Header(server.session, client, number), COMMANDS, commands))


def states(world):
    return np.stack(world.states, axis=-1)


def test_a_step_moves_all_cars(server, world):
    answers = [step(server, number) for number in range(1, 6)]
    assert answers[-1].header == (server.session, 1, 5)
    np.testing.assert_array_equal(answers[-1].states, states(world))
    np.testing.assert_array_equal(answers[-1].cars, np.arange(CARS))
    assert (np.diff([answer.states[:, 3] for answer in answers], axis=0) >= 0).all()
    assert (answers[-1].states[:, 3] > 0).all()
    assert server.steps == 5


def test_the_columns_are_those_of_the_states():
    assert STATES.split(",") == [*CarStates._fields]


def test_the_same_request_again_is_answered_but_nothing_moves(server, world):
    for number in range(1, 5):
        first = step(server, number)
        again = step(server, number)
        assert again.header == first.header
        np.testing.assert_array_equal(again.states, first.states)
        np.testing.assert_array_equal(again.cars, first.cars)
        np.testing.assert_array_equal(states(world), first.states)
    assert server.steps == 4


def test_another_client_s_request_of_the_same_number_is_another(server):
    before = step(server, 1).states
    assert not np.array_equal(step(server, 1, client=2).states, before)
    assert server.steps == 2


def test_an_old_session_is_told_of_the_present_one_and_nothing_moves(server, world):
    before = states(world)
    for session in (0, server.session + 1):
        answer = server.answer(Request(Header(session, 1, 7), COMMANDS, AHEAD))
        assert answer.header == (server.session, 1, 7)
        assert answer.cars is None
        np.testing.assert_array_equal(answer.states, before)
    np.testing.assert_array_equal(states(world), before)
    assert server.steps == 0


def test_a_reset_puts_some_cars_at_rest(server, world):
    for number in range(1, 6):
        before = step(server, number).states
    rows = np.array([[2, 0.5, -0.25, 1.0], [0, 1.5, 0.25, -1.0]])
    answer = server.answer(Request(Header(server.session, 1, 6), POSES, rows))
    np.testing.assert_array_equal(answer.cars, [2, 0])  # frames come in this order
    np.testing.assert_array_equal(answer.states[[2, 0], :3], rows[:, 1:])
    assert not answer.states[[2, 0], 3:].any()
    np.testing.assert_array_equal(answer.states[1], before[1])
    assert server.steps == 5


def test_a_randomised_world_is_nominal_for_who_asks(round_track, world):
    other = embedded_world(load_track(round_track), CARS, randomize="strong")
    rows = np.column_stack([np.arange(CARS), np.zeros((CARS, 3))])
    server = Lockstep(other)
    world.reset(np.arange(CARS), rows[:, 1:])
    for number, (columns, same) in enumerate([(POSES, False), (NOMINAL_POSES, True)]):
        server.answer(Request(Header(server.session, 1, number), columns, rows))
        assert np.array_equal(other.frames(), world.frames()) == same


def test_a_reset_of_no_cars_moves_none(server, world):
    before = states(world)
    answer = server.answer(Request(Header(server.session, 1, 1), POSES, np.zeros((0, 4))))
    assert len(answer.cars) == 0
    assert world.frames(answer.cars).shape == (0, 120, 160)
    np.testing.assert_array_equal(states(world), before)


@pytest.mark.parametrize(
    ("columns", "values"),
    [
        (COMMANDS, np.zeros((CARS + 1, 2))),
        (COMMANDS, np.zeros((CARS, 3))),
        (COMMANDS, np.zeros((0, 2))),
        (COMMANDS, np.full((CARS, 2), np.nan)),
        (COMMANDS, np.full((CARS, 2), np.inf)),
        (POSES, np.zeros((CARS, 3))),
        (POSES, np.array([[CARS, 0, 0, 0]])),
        (NOMINAL_POSES, np.array([[CARS, 0, 0, 0]])),
        (POSES, np.array([[0, 2e6, 0, 0]])),
        (POSES, np.array([[0, 0, -1e30, 0]])),
        (POSES, np.array([[-1, 0, 0, 0]])),
        (POSES, np.array([[0.5, 0, 0, 0]])),
        (POSES, np.array([[3e38, 0, 0, 0]])),
        (POSES, np.array([[0, np.nan, 0, 0]])),
        ("", np.zeros((CARS, 2))),
        ("speed,steering_angle", np.zeros((CARS, 2))),
    ],
)
def test_requests_that_make_no_sense_are_refused_and_a_good_one_is_served(
    server, world, columns, values
):
    before = states(world)
    with pytest.raises(ValueError):
        server.answer(Request(Header(server.session, 1, 1), columns, np.asarray(values, float)))
    np.testing.assert_array_equal(states(world), before)
    assert server.steps == 0
    assert (step(server, 1).states[:, 3] >= before[:, 3]).all()
    assert server.steps == 1


@given(
    columns=st.sampled_from([COMMANDS, POSES, NOMINAL_POSES, STATES]),
    values=arrays(
        np.float64,
        array_shapes(min_dims=2, max_dims=2, min_side=0, max_side=5),
        elements=st.floats(width=32),  # all that a message can hold
    ),
)
@settings(deadline=None, max_examples=50)
def test_whatever_is_asked_is_done_or_refused(world, columns, values):
    server = Lockstep(world)
    try:
        answer = server.answer(Request(Header(server.session, 1, 1), columns, values))
    except ValueError:
        assert server.steps == 0
        return
    assert answer.states.shape == (CARS, len(CarStates._fields))
    assert np.isfinite(world.states).all()


def test_lives_of_a_world_have_their_own_numbers(world):
    numbers = {Lockstep(world).session for _ in range(5)} | {new_id() for _ in range(5)}
    assert len(numbers) == 10
    assert all(1 <= number <= LARGEST_ID for number in numbers)
