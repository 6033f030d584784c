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


def normal(name):
    return name.lower().replace("_", "-")


def setup_argument(name):
    """The literal value of an argument in the call of setup()."""
    for node in ast.walk(ast.parse((ROOT / "setup.py").read_text())):
        if isinstance(node, ast.keyword) and node.arg == name:
            return ast.literal_eval(node.value)
    raise AssertionError(f"setup.py does not state {name}")


def requirements():
    return {normal(name) for name in setup_argument("install_requires")}


def sources():
    return [path for path in ROOT.glob("deepracer_*/**/*.py") if "__pycache__" not in path.parts]


def imported_modules(path):
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            yield node.module.split(".")[0]


def test_every_import_is_declared():
    known = packages_distributions()
    own = {path.name for path in ROOT.glob("deepracer_*")}
    modules = {name for path in sources() for name in imported_modules(path)}
    third_party = modules - own - set(sys.stdlib_module_names)
    undeclared = {
        name
        for name in third_party
        if not requirements() & {normal(found) for found in known.get(name, [name])}
    }
    assert "numpy" in third_party
    assert undeclared == set()


def test_constraints_pin_every_direct_dependency_and_name_no_host():
    text = (ROOT / "constraints.txt").read_text()
    pinned = set(re.findall(r"^([\w.-]+)==", text, re.MULTILINE))
    extras = {
        normal(re.split(r"\W", name)[0])
        for names in setup_argument("extras_require").values()
        for name in names
    }
    assert requirements() | extras <= pinned
    assert "torch==2.13.0\n" in text
    assert "/" not in text


def test_package_xml_names_every_dependency_by_its_rosdep_key():
    package = ElementTree.parse(ROOT / "package.xml").getroot()
    stated = {element.text for element in package.iter("exec_depend")}
    for requirement in requirements() - WITHOUT_ROSDEP_KEY:
        key = ROSDEP_KEYS.get(requirement, f"python3-{requirement}")
        assert stated & {key, f"{key}-pip"}, f"package.xml lacks {key}"


@pytest.fixture(scope="module")
def wheel_names(tmp_path_factory):
    """The files in a wheel that is built from a copy of the tree."""
    folder = tmp_path_factory.mktemp("house")
    left_out = shutil.ignore_patterns(
        ".*", "__pycache__", "*.egg-info", "build", "dist", "install", "log", "models"
    )
    shutil.copytree(ROOT, folder / "tree", ignore=left_out)
    pip = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation"]
    subprocess.run([*pip, "--wheel-dir", folder, folder / "tree"], check=True)
    (wheel,) = folder.glob("deepracer_ros-*.whl")
    return set(zipfile.ZipFile(wheel).namelist())


def test_wheel_holds_every_file_of_the_packages(wheel_names):
    files = {
        path.relative_to(ROOT).as_posix()
        for path in ROOT.glob("deepracer_*/**/*")
        if path.is_file() and "__pycache__" not in path.parts and ".egg-info" not in str(path)
    }
    assert files - wheel_names == set()


def test_wheel_holds_what_ros_looks_for(wheel_names):
    data = {name.partition(".data/data/")[2] for name in wheel_names}
    shared = {
        f"share/deepracer_ros/{path.relative_to(ROOT).as_posix()}"
        for top in ("config", "launch", "worlds")
        for path in (ROOT / top).rglob("*")
        if path.is_file()
    }
    assert "share/deepracer_ros/worlds/reinvent_2018.yaml" in shared
    assert shared - data == set()
    assert {
        "share/ament_index/resource_index/packages/deepracer_ros",
        "share/deepracer_ros/package.xml",
        "lib/deepracer_ros/deepracer",
    } <= data
