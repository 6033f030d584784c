"""The package as pip, colcon and rosdep see it."""

import ast
import re
import shutil
import subprocess
import sys
import zipfile
from importlib.metadata import packages_distributions
from pathlib import Path
from xml.etree import ElementTree

import pytest

ROOT = Path(__file__).parents[1]
# The rosdep keys that are not python3-<requirement>, with or without -pip.
ROSDEP_KEYS = {
    "opencv-python-headless": "python3-opencv",
    "pyyaml": "python3-yaml",
    "torch": "python3-pytorch-pip",
}
WITHOUT_ROSDEP_KEY = {"onnx"}
OPTIONAL = {"openvino"}  # an extra of its own
NODES = sorted(path.name for path in (ROOT / "libexec").glob("*_node"))


def normal(name):
    return name.partition("[")[0].lower().replace("_", "-")


def setup_argument(name):
    """The literal value of an argument in the call of setup()."""
    for node in ast.walk(ast.parse((ROOT / "setup.py").read_text())):
        if isinstance(node, ast.keyword) and node.arg == name:
            return ast.literal_eval(node.value)
    raise AssertionError(f"setup.py does not state {name}")


def requirements():
    return {normal(name) for name in setup_argument("install_requires")}


def ros_requirements():
    """The ROS packages that come as wheels, by their ROS names."""
    wheels = setup_argument("extras_require")["ros"]
    return {normal(name).removeprefix("ros-").replace("-", "_") for name in wheels}


def made_packages():
    """The ROS packages that have no wheels: `deepracer interfaces` makes them."""
    return {path.name for path in (ROOT / "interfaces").iterdir()}


def exec_depends():
    package = ElementTree.parse(ROOT / "package.xml").getroot()
    return {element.text for element in package.iter("exec_depend")}


def sources():
    return [path for path in ROOT.glob("deepracer_*/**/*.py") if "__pycache__" not in path.parts]


def imported_modules(path):
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            yield node.module.split(".")[0]


def third_party():
    """The modules that the packages import and neither we nor Python have."""
    own = {path.name for path in ROOT.glob("deepracer_*")}
    modules = {name for path in sources() for name in imported_modules(path)}
    return modules - own - set(sys.stdlib_module_names)


def test_every_import_is_declared():
    known = packages_distributions()
    undeclared = {
        name
        for name in third_party() - ros_requirements() - made_packages() - OPTIONAL
        if not requirements() & {normal(found) for found in known.get(name, [name])}
    }
    assert {"numpy", "rclpy", "ackermann_msgs"} <= third_party()
    assert undeclared == set()


def test_every_ros_wheel_is_used():
    words = {word for path in sources() for word in re.findall(r"\w+", path.read_text())}
    assert ros_requirements() - words == set()


def test_constraints_pin_every_direct_dependency_and_name_no_host():
    text = (ROOT / "constraints.txt").read_text()
    pinned = set(re.findall(r"^([\w.-]+)==", text, re.MULTILINE))
    extras = {normal(name) for names in setup_argument("extras_require").values() for name in names}
    assert requirements() | extras <= pinned
    assert "torch==2.13.0\n" in text
    assert "/" not in text


def test_package_xml_names_every_dependency_by_its_rosdep_key():
    for requirement in requirements() - WITHOUT_ROSDEP_KEY:
        key = ROSDEP_KEYS.get(requirement, f"python3-{requirement}")
        assert exec_depends() & {key, f"{key}-pip"}, f"package.xml lacks {key}"


def test_package_xml_names_every_ros_package():
    generators = {name for name in ros_requirements() if name.startswith("rosidl_")}
    used = third_party() & (ros_requirements() | made_packages()) - generators
    assert used - exec_depends() == set()
    assert {"launch_ros", "launch_xml", "ros2launch"} <= exec_depends()


@pytest.mark.parametrize("name", NODES)
def test_nodes_can_be_started(name):
    stub = ROOT / "libexec" / name
    module = re.search(r'run\("([\w.]+)"\)', stub.read_text()).group(1)
    tree = ast.parse((ROOT / f"{module.replace('.', '/')}.py").read_text())
    assert "main" in {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}
    assert module.endswith(f".{name}")


@pytest.fixture(scope="module")
def tree(tmp_path_factory):
    """A copy of the tree, to build in."""
    left_out = shutil.ignore_patterns(
        ".*", "__pycache__", "*.egg-info", "build", "dist", "install", "log", "models"
    )
    folder = tmp_path_factory.mktemp("house") / "tree"
    return shutil.copytree(ROOT, folder, ignore=left_out)


def build(tree, hook):
    """Build the wheel of an ordinary or an editable install; return what is in it."""
    folder = tree.parent / hook
    folder.mkdir()
    code = f"from setuptools.build_meta import {hook}; {hook}({str(folder)!r})"
    subprocess.run([sys.executable, "-c", code], cwd=tree, check=True, capture_output=True)
    (wheel,) = folder.glob("deepracer_ros-*.whl")
    return {entry.filename: entry for entry in zipfile.ZipFile(wheel).infolist()}


@pytest.fixture(scope="module")
def wheel(tree):
    return build(tree, "build_wheel")


@pytest.fixture(scope="module", params=["ordinary", "editable"])
def installed_data(request, tree):
    """What an install puts below its prefix beside the Python packages, by path."""
    if request.param == "ordinary":
        entries = request.getfixturevalue("wheel")
    else:
        entries = build(tree, "build_editable")
    return {name.partition(".data/data/")[2]: entry for name, entry in entries.items()}


def test_wheel_holds_every_file_of_the_packages(wheel):
    files = {
        path.relative_to(ROOT).as_posix()
        for path in ROOT.glob("deepracer_*/**/*")
        if path.is_file() and "__pycache__" not in path.parts and ".egg-info" not in str(path)
    }
    assert files - set(wheel) == set()


def test_installs_hold_what_ros_looks_for(installed_data):
    shared = {
        f"share/deepracer_ros/{path.relative_to(ROOT).as_posix()}"
        for top in ("config", "interfaces", "launch", "worlds")
        for path in (ROOT / top).rglob("*")
        if path.is_file()
    }
    assert "share/deepracer_ros/worlds/reinvent_2018.yaml" in shared
    assert shared - set(installed_data) == set()
    assert {
        "share/ament_index/resource_index/packages/deepracer_ros",
        "share/deepracer_ros/package.xml",
    } <= set(installed_data)


@pytest.mark.parametrize("name", ["deepracer", *NODES])
def test_installs_hold_executables_where_ros_looks_for_them(installed_data, name):
    mode = installed_data[f"lib/deepracer_ros/{name}"].external_attr >> 16
    assert mode & 0o111 == 0o111
