"""Be fast: pays for the speed along the track, and makes a crash cost more than haste can earn.

Pay for the speed itself, not for its square: with the square, a sprint into the first bend pays
more than a lap.
"""

STEPS_PER_SECOND = 15
CRASH = 10.0  # as much as ten steps at 1 m/s

previous_progress = 0.0  # each car has its own copy of this file


def reward_function(params):
    """Pay for the speed along the track, in m/s; charge for a crash."""
    global previous_progress
    if params["steps"] == 1:  # a new episode
        previous_progress = params["progress"]

    # Percent of the lap gained in this step, as a speed along the track in m/s
    gained = params["progress"] - previous_progress
    previous_progress = params["progress"]
    speed_along_track = gained / 100 * params["track_length"] * STEPS_PER_SECOND

    if params["is_offtrack"]:
        return -CRASH
    if not params["all_wheels_on_track"]:
        return 0.5 * speed_along_track  # close to the edge: still on, but not for long
    return speed_along_track
