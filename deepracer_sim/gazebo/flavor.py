"""What one Gazebo is told otherwise than another."""

from typing import NamedTuple

from deepracer_sim.gazebo.installation import PLUGIN

MODEL = "deepracer"  # the folder of what belongs to a world file

# The bias is for software renderers: without anisotropic filtering they blur the distance.
_MATERIAL = """\
material deepracer/floor
{
  technique
  {
    pass
    {
      lighting off
      texture_unit
      {
        texture floor.png
        filtering anisotropic
        max_anisotropy 16
        mipmap_bias -2.0
      }
    }
  }
}
"""


class Flavor(NamedTuple):
    """Pieces of SDF, and the files that they name."""

    file: str  # name of the world file
    version: str  # of SDF
    world: str  # systems of the world
    floor: str  # the material that shows the drawing
    sensor: str  # of the camera's sensor, beside the preset
    lens: str  # of the camera in it, likewise
    car: str  # what moves the car and tells where it is
    files: dict[str, str]  # contents by name, in the folder MODEL


CLASSIC = Flavor(  # Gazebo 11
    file="track.world",
    version="1.6",
    world="",
    floor=f"<script><uri>model://{MODEL}</uri><name>deepracer/floor</name></script>",
    sensor=f'<plugin name="lockstep" filename="{PLUGIN}"/>',
    lens="",
    car="",
    files={"floor.material": _MATERIAL},
)
