"""Quality of service of the topics that need another than reliable, ten deep."""

from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy, qos_profile_sensor_data

SENSOR = qos_profile_sensor_data  # the newest matters, a lost one does not
NEWEST = QoSProfile(depth=1, reliability=ReliabilityPolicy.BEST_EFFORT)  # old ones never queue
LATCHED = QoSProfile(  # late subscribers are given the last one
    depth=1, reliability=ReliabilityPolicy.RELIABLE, durability=DurabilityPolicy.TRANSIENT_LOCAL
)
COMMAND = QoSProfile(depth=1, reliability=ReliabilityPolicy.RELIABLE)  # an old command is worthless
CLOCK = QoSProfile(depth=1, reliability=ReliabilityPolicy.RELIABLE)
