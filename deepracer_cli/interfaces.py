"""deepracer interfaces: the ROS messages that PyPI has no wheels of."""


def interfaces() -> None:
    """Make the ROS messages ackermann_msgs and tf2_msgs where ROS 2 comes without them; once.

    Says where each of them is.
    """
    from deepracer_ros.interfaces import NAMES, ensure, missing, origin

    if names := missing():
        print(f"Making {' and '.join(names)} ...", flush=True)
    made = ensure()
    for name in NAMES:
        print(f"{name}: {origin(name)}{' (new)' if name in made else ''}")
