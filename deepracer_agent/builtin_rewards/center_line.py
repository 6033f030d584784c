"""Follow the centre line: the reward function that the DeepRacer service opened with."""


def reward_function(params):
    """Return 1 near the centre line, less further out, next to nothing off the track."""
    track_width = params["track_width"]
    distance_from_center = params["distance_from_center"]

    # Three markers, further and further away from the centre line
    marker_1 = 0.1 * track_width
    marker_2 = 0.25 * track_width
    marker_3 = 0.5 * track_width

    if distance_from_center <= marker_1:
        reward = 1.0
    elif distance_from_center <= marker_2:
        reward = 0.5
    elif distance_from_center <= marker_3:
        reward = 0.1
    else:
        reward = 1e-3  # likely off the track

    return reward
