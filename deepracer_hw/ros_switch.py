"""Switching motor and servo on and off, as the user of the service `drive/enable`."""

from rclpy import spin_until_future_complete
from rclpy.node import Node
from std_srvs.srv import SetBool

from deepracer_ros.process import started
from deepracer_sim.errors import UserError

_PATIENCE = 10.0  # s for a node that runs to be found, and to answer


def switch(on: bool) -> None:
    """Let the car move, or no more. Raises UserError where the servo node is absent or refuses."""
    with started():
        node = Node("switch")
        client = node.create_client(SetBool, "drive/enable")
        if not client.wait_for_service(_PATIENCE):
            raise UserError(
                f"Nobody offers {client.srv_name}. Start the car first, in another terminal: "
                "deepracer launch car.launch.xml. Is ROS_DOMAIN_ID the same here and there?"
            )
        future = client.call_async(SetBool.Request(data=on))
        spin_until_future_complete(node, future, timeout_sec=_PATIENCE)
        answer = future.result() if future.done() else None
        node.destroy_node()
    if answer is None:
        raise UserError("The servo node did not answer: see its terminal.")
    if not answer.success:
        raise UserError(answer.message)
