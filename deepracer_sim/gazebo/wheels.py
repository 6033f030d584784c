"""The angles of the two front wheels and the one in the middle, by Ackermann's geometry.

And what the joints are told for a command.
"""

import math

from deepracer_sim.car import CarParameters


def outer_angles(car: CarParameters, middle: float) -> tuple[float, float]:
    """Return the angles of the left and the right front wheel, rad, for the one in the middle.

    Both wheels roll about the same point, on the line of the rear axle. Parameters are floats.
    """
    wheelbase, aside = float(car.wheelbase), float(car.track_width) / 2
    slope = math.tan(middle)
    return (
        math.atan2(slope * wheelbase, wheelbase - slope * aside),
        math.atan2(slope * wheelbase, wheelbase + slope * aside),
    )


def middle_angle(car: CarParameters, left: float, right: float) -> float:
    """Return the angle in the middle, rad, for those of the left and the right front wheel."""
    wheelbase, aside = float(car.wheelbase), float(car.track_width) / 2
    angles = [
        math.atan2(math.tan(angle) * wheelbase, wheelbase + math.tan(angle) * offset)
        for angle, offset in ((left, aside), (right, -aside))
    ]
    return sum(angles) / 2


def joint_targets(
    car: CarParameters, steering_angle: float, speed: float, yaw_rate: float
) -> tuple[float, float, float]:
    """Return what a command (rad, m/s) wants of the joints in the end: the angle midway between
    the front wheels, rad, and the speeds of the left and the right rear wheel, rad/s.

    As with a differential they are those of a car that turns at its present yaw rate (rad/s).
    Parameters are floats.
    """
    largest, fastest = float(car.max_steering_angle), float(car.max_speed)
    angle = float(car.steering_gain) * min(max(steering_angle, -largest), largest)
    forward = min(max(speed, -fastest), fastest)
    aside, radius = yaw_rate * float(car.track_width) / 2, float(car.wheel_radius)
    return angle, (forward - aside) / radius, (forward + aside) / radius
