"""Quality of service of what is recorded and played."""

from collections.abc import Sequence

from rclpy.duration import Duration
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy
from rosbags.interfaces import (
    Qos,
    QosDurability,
    QosHistory,
    QosLiveliness,
    QosReliability,
    QosTime,
)

_REQUEST_DEPTH = 100  # messages that may wait while the disk is slow
_OFFER_DEPTH = 10  # a bag does not know it: discovery does not tell how deep a publisher is


def to_request(offers: Sequence[QoSProfile]) -> QoSProfile:
    """What to ask for so that no publisher of a topic is refused: the most that all offer."""
    reliable = all(offer.reliability == ReliabilityPolicy.RELIABLE for offer in offers)
    latched = all(offer.durability == DurabilityPolicy.TRANSIENT_LOCAL for offer in offers)
    return _profile(_REQUEST_DEPTH, reliable, latched)


def to_offer(recorded: Sequence[Qos]) -> QoSProfile:
    """What to offer so that none who heard the recorded publishers refuses: the most they had."""
    reliable = any(offer.reliability == QosReliability.RELIABLE for offer in recorded)
    latched = any(offer.durability == QosDurability.TRANSIENT_LOCAL for offer in recorded)
    return _profile(_OFFER_DEPTH, reliable or not recorded, latched)


def to_recorded(offer: QoSProfile) -> Qos:
    """A publisher's offer, as bags state it."""
    return Qos(
        QosHistory(offer.history.value),
        offer.depth,
        QosReliability(offer.reliability.value),
        QosDurability(offer.durability.value),
        _time(offer.deadline),
        _time(offer.lifespan),
        QosLiveliness(offer.liveliness.value),
        _time(offer.liveliness_lease_duration),
        offer.avoid_ros_namespace_conventions,
    )


def _profile(depth: int, reliable: bool, latched: bool) -> QoSProfile:
    return QoSProfile(
        depth=depth,
        reliability=ReliabilityPolicy.RELIABLE if reliable else ReliabilityPolicy.BEST_EFFORT,
        durability=DurabilityPolicy.TRANSIENT_LOCAL if latched else DurabilityPolicy.VOLATILE,
    )


def _time(duration: Duration) -> QosTime:
    return QosTime(*divmod(duration.nanoseconds, 10**9))
