"""Be fast: pays for the square of the speed along the track, charges for the way back.

Summed over a lap this grows with the average speed: twice as fast pays twice as much.
"""

STEPS_PER_SECOND = 15
TOP_SPEED = 4.0  # m/s

previous_progress = 0.0  # each car has its own copy of this file


def reward_function(params):
    """Return 10 at top speed along the track; a quarter of that at half the speed."""
    global previous_progress

    if params["is_offtrack"]:
        return -1.0
    if params["steps"] == 1:  # a new episode
        previous_progress = params["progress"]

    # Percent of the lap gained in this step, as a speed along the track in m/s
    gained = params["progress"] - previous_progress
    previous_progress = params["progress"]
    speed_along_track = gained / 100 * params["track_length"] * STEPS_PER_SECOND

    # The sign stays: driving in circles must not pay
    reward = 10 * speed_along_track * abs(speed_along_track) / TOP_SPEED**2
    if reward > 0 and not params["all_wheels_on_track"]:
        reward *= 0.5
    return reward
