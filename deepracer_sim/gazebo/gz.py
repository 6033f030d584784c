"""The flavour for current Gazebo: gz sim, Harmonic and later.

Its stock systems move the car: each is a control loop, whose gain gives the lag that
config/car.yaml states. Their topics are those of config/gz_bridge.yaml.
"""

from deepracer_sim.car import DT, CarParameters
from deepracer_sim.gazebo.flavor import MODEL, Flavor
from deepracer_sim.gazebo.sdf import WHEEL_MASS

_SHORTEST_LAG = 0.05  # s: with a shorter one a wheel in the air swings, at the steps of the physics

_WORLD = """
<plugin filename="gz-sim-physics-system" name="gz::sim::systems::Physics"/>
<plugin filename="gz-sim-user-commands-system" name="gz::sim::systems::UserCommands"/>
<plugin filename="gz-sim-scene-broadcaster-system" name="gz::sim::systems::SceneBroadcaster"/>
<plugin filename="gz-sim-sensors-system" name="gz::sim::systems::Sensors">
  <render_engine>ogre2</render_engine>
</plugin>"""

# Black but for its glow: as bright as the drawing, whatever the light.
_FLOOR = f"""<ambient>0 0 0 1</ambient><diffuse>0 0 0 1</diffuse>
      <specular>0 0 0 1</specular><emissive>1 1 1 1</emissive>
      <pbr><metal>
        <emissive_map>{MODEL}/floor.png</emissive_map><roughness>1</roughness><metalness>0</metalness>
      </metal></pbr>"""


def gz_flavor(car: CarParameters) -> Flavor:
    """Return the flavour for a car, each of its parameters a float."""
    return Flavor(
        file="track.sdf",
        version="1.9",
        world=_WORLD,
        floor=_FLOOR,
        sensor="<topic>camera/image_raw</topic>",
        lens="<optical_frame_id>camera_optical</optical_frame_id>",
        car=_steering(car) + _motor("left", car) + _motor("right", car) + _ODOMETRY,
        files={},
    )


def _steering(car: CarParameters) -> str:
    """The joints' speeds are the gain times what is left to turn: a lag of 1 / gain."""
    return f"""
<plugin filename="gz-sim-ackermann-steering-system"
        name="gz::sim::systems::AckermannSteering">
  <steering_only>true</steering_only>
  <topic>joints/steering_angle</topic>
  <left_steering_joint>front_left_steering</left_steering_joint>
  <right_steering_joint>front_right_steering</right_steering_joint>
  <wheel_base>{car.wheelbase:.9g}</wheel_base>
  <wheel_separation>{car.track_width:.9g}</wheel_separation>
  <steering_limit>{car.max_steering_angle:.9g}</steering_limit>
  <steer_p_gain>{1 / max(float(car.steering_lag), _SHORTEST_LAG):.9g}</steer_p_gain>
</plugin>"""


def _motor(side: str, car: CarParameters) -> str:
    """A rear wheel's torque is the gain times the speed that it lacks, within the motor's limits.

    Both together give the car the acceleration (wanted speed - speed) / lag, and no more than the
    largest one.
    """
    radius = float(car.wheel_radius)
    moved = float(car.mass) * (1 + 2 * WHEEL_MASS)  # four solid wheels that turn, too
    gain = moved * radius**2 / (2 * max(float(car.speed_lag), _SHORTEST_LAG))
    torque = moved * radius * float(car.max_acceleration) / 2
    return f"""
<plugin filename="gz-sim-joint-controller-system"
        name="gz::sim::systems::JointController">
  <joint_name>rear_{side}_wheel</joint_name>
  <topic>joints/{side}_wheel_speed</topic>
  <initial_velocity>0</initial_velocity>
  <use_force_commands>true</use_force_commands>
  <p_gain>{gain:.9g}</p_gain>
  <cmd_max>{torque:.9g}</cmd_max>
  <cmd_min>{-torque:.9g}</cmd_min>
</plugin>"""


_ODOMETRY = f"""
<plugin filename="gz-sim-odometry-publisher-system"
        name="gz::sim::systems::OdometryPublisher">
  <odom_frame>odom</odom_frame>
  <robot_base_frame>base_link</robot_base_frame>
  <odom_topic>odom</odom_topic>
  <tf_topic>tf</tf_topic>
  <odom_publish_frequency>{1 / DT:.9g}</odom_publish_frequency>
</plugin>"""
