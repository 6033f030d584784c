"""Subscriptions whose messages are taken by the thread that waits for them.

An executor in another thread hands a message over in about a millisecond, which is much where a
thousand answers a second are waited for, one after the other.
"""

from collections.abc import Callable
from typing import Any

from rclpy.callback_groups import CallbackGroup
from rclpy.impl.implementation_singleton import rclpy_implementation
from rclpy.node import Node
from rclpy.subscription import Subscription


class _Unserved(CallbackGroup):
    """What no executor looks at."""

    def can_execute(self, entity: Any) -> bool:
        """Never."""
        return False

    def beginning_execution(self, entity: Any) -> bool:
        """Never."""
        return False

    def ending_execution(self, entity: Any) -> None:
        """Nothing to do."""


class Mailbox:
    """Some topics of a node. The node's executor serves all but these."""

    def __init__(self, node: Node) -> None:
        """Begin without a topic."""
        self._node = node
        self._group = _Unserved()
        self._subscriptions: dict[str, Subscription[Any]] = {}

    def subscribe(self, kind: type, topic: str, hear: Callable[[Any], None], qos: Any) -> None:
        """Have messages of a topic handed to `hear`; in place of what was said of it before."""
        old = self._subscriptions.pop(topic, None)
        if old is not None:
            self._node.destroy_subscription(old)
        self._subscriptions[topic] = self._node.create_subscription(
            kind, topic, hear, qos, callback_group=self._group
        )

    def take(self, timeout: float) -> bool:
        """Wait for messages, for `timeout` s at most, and hand them out; False if none came."""
        subscriptions = list(self._subscriptions.values())
        # as rclpy.wait_for_message does
        waiting = rclpy_implementation.WaitSet(
            len(subscriptions), 0, 0, 0, 0, 0, self._node.context.handle
        )
        waiting.clear_entities()
        for subscription in subscriptions:
            waiting.add_subscription(subscription.handle)
        waiting.wait(int(timeout * 1e9))
        ready = waiting.get_ready_entities("subscription")
        for subscription in subscriptions:
            if subscription.handle.pointer in ready:
                taken = subscription.handle.take_message(subscription.msg_type, False)
                if taken is not None:
                    subscription.callback(taken[0])
        return bool(ready)
