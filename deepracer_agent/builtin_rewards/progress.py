"""Get on: pays for the way made along the track in each step, charges for the way back."""

STEPS_PER_SECOND = 15

previous_progress = 0.0  # each car has its own copy of this file


def reward_function(params):
    """Return the speed along the track, m/s; it is negative on the way back."""
    global previous_progress

    if params["is_offtrack"]:
        return -1.0
    if params["steps"] == 1:  # a new episode
        previous_progress = params["progress"]

    # Percent of the lap gained in this step, as a speed along the track in m/s
    gained = params["progress"] - previous_progress
    previous_progress = params["progress"]
    return gained / 100 * params["track_length"] * STEPS_PER_SECOND
