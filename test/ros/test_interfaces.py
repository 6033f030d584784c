"""The messages that PyPI has no wheels of, made in environments that are links to this one."""

import json
import os
import shutil
import signal
import subprocess
import sys
import sysconfig
import time
import venv
from pathlib import Path

import pytest
import rclpy

from deepracer_ros import interfaces
from deepracer_sim.errors import UserError

ROOT = Path(__file__).parents[2]
PACKAGES = Path(sysconfig.get_path("platlib")).relative_to(sys.prefix)
NAMES = ("ackermann_msgs", "tf2_msgs")
# As ROS 2 itself has them.
OFFICIAL = {
    "ackermann_msgs/msg/AckermannDrive": (
        "RIHS01_acf287a224a947dd1b0b87d6d76cdb73f497b0237b8fc73be2173b2ebbb82c99"
    ),
    "ackermann_msgs/msg/AckermannDriveStamped": (
        "RIHS01_48ca7612a08d3bb72744fd98b71b7cf2ea24c6ad50fa4e1aa0bbad963c90d8cf"
    ),
    "tf2_msgs/msg/TFMessage": (
        "RIHS01_e369d0f05a23ae52508854b66f6aa0437f3449d652e8cbf22d5abe85d020f087"
    ),
}
PUBLISH = """
import rclpy
from ackermann_msgs.msg import AckermannDriveStamped
from rclpy.serialization import deserialize_message, serialize_message
from tf2_msgs.msg import TFMessage

rclpy.init()
node = rclpy.create_node("test")
for topic, kind in (("drive", AckermannDriveStamped), ("tf", TFMessage)):
    publisher = node.create_publisher(kind, topic, 1)
    (info,) = node.get_publishers_info_by_topic(topic)
    print(info.topic_type, info.topic_type_hash)
message = AckermannDriveStamped()
message.header.frame_id, message.drive.speed = "base_link", 1.5
assert deserialize_message(serialize_message(message), AckermannDriveStamped) == message
"""

pytestmark = pytest.mark.skipif(
    not Path(rclpy.__file__).is_relative_to(sys.prefix),
    reason="ROS 2 is not from the wheels here",
)


def make_environment(folder):
    """A virtual environment with links to all that this one has, but for the two packages."""
    venv.create(folder, symlinks=True)
    for part in ("lib", PACKAGES, "share", "share/ament_index/resource_index/packages", "include"):
        (folder / part).mkdir(parents=True, exist_ok=True)
        for path in Path(sys.prefix, part).iterdir():
            link = folder / part / path.name
            if not any(name in path.name for name in NAMES) and not link.exists():
                link.symlink_to(path)
    return folder


def start(environment, *command, path=None, **variables):
    """Start that environment's Python."""
    scrubbed = ("LD_LIBRARY_PATH", "_ROS_WHEELS_BOOTSTRAP_COMPLETE", "VIRTUAL_ENV")
    kept = {name: value for name, value in os.environ.items() if name not in scrubbed}
    kept |= {"PYTHONPATH": str(ROOT), "PATH": str(path or os.environ["PATH"]), **variables}
    python = environment / "bin" / "python"
    return subprocess.Popen(
        [python, *command],
        env=kept,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,  # to kill it with its compilers
    )


def start_making(environment, **variables):
    command = "from deepracer_cli.main import main; main()"
    return start(environment, "-c", command, "interfaces", **variables)


def end(process):
    """Wait for the end and return exit code, stdout and stderr."""
    output, errors = process.communicate(timeout=120)
    return process.returncode, output, errors


def traces(environment):
    """What was installed of the two packages, and what was left of the making."""
    found = [path for name in NAMES for path in environment.glob(f"**/*{name}*")]
    return [*found, *environment.glob(f"{interfaces._HIDDEN}-*")]


def write_program(folder, name, text):
    folder.mkdir(exist_ok=True)
    program = folder / name
    program.write_text(f"#!/bin/sh\n{text}\n")
    program.chmod(0o755)


@pytest.fixture(scope="module")
def bare(tmp_path_factory):
    """An environment without the two packages."""
    return make_environment(tmp_path_factory.mktemp("bare") / "venv")


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """An environment in which two processes at once have made them; and what the two said."""
    folder = make_environment(tmp_path_factory.mktemp("made") / "venv")
    ends = [end(process) for process in [start_making(folder), start_making(folder)]]
    return folder, ends


def test_two_processes_at_once_make_them_once(made):
    folder, ends = made
    assert [(code, errors) for code, _, errors in ends] == [(0, ""), (0, "")]
    for name in NAMES:
        place = folder / PACKAGES / name
        lines = sorted(line for _, output, _ in ends for line in output.splitlines())
        assert [f"{name}: {place}", f"{name}: {place} (new)"] == [
            line for line in lines if line.startswith(f"{name}:")
        ]
    assert list(folder.glob(f"{interfaces._HIDDEN}-*")) == []


def test_type_hashes_are_the_official_ones(made):
    folder, _ = made
    for kind, official in OFFICIAL.items():
        description = json.loads((folder / "share" / f"{kind}.json").read_text())
        hashes = {entry["type_name"]: entry["hash_string"] for entry in description["type_hashes"]}
        assert hashes[kind] == official


def test_publishers_state_the_official_hashes_and_nothing_is_complained_of(made, domain):
    folder, _ = made
    code, output, errors = end(start(folder, "-c", PUBLISH))
    kinds = ("ackermann_msgs/msg/AckermannDriveStamped", "tf2_msgs/msg/TFMessage")
    assert (code, errors) == (0, "")
    assert output.splitlines() == [f"{kind} {OFFICIAL[kind]}" for kind in kinds]


def test_what_is_there_is_not_made_again_so_needs_no_compiler(made, tmp_path):
    code, output, errors = end(start_making(made[0], path=tmp_path))
    assert (code, errors) == (0, "")
    assert "new" not in output


def test_packages_of_a_ros_installation_are_used_as_they_are(bare, tmp_path):
    for name in NAMES:
        (tmp_path / name / "msg").mkdir(parents=True)
        (tmp_path / name / "__init__.py").touch()
        (tmp_path / name / "msg" / "__init__.py").touch()
    code, output, _ = end(start_making(bare, PYTHONPATH=f"{ROOT}{os.pathsep}{tmp_path}"))
    assert code == 0
    assert output.splitlines() == [f"{name}: {tmp_path / name}" for name in NAMES]
    assert traces(bare) == []


def assert_refused(process, environment, *words):
    """It ends with one line that has these words, and leaves nothing behind."""
    code, _, errors = end(process)
    assert code == 1
    assert errors.startswith("Error: ")
    assert errors.count("\n") == 1
    for word in words:
        assert word in errors
    assert traces(environment) == []


def test_without_a_compiler_a_line_says_what_to_install(bare, tmp_path):
    words = ("gcc and g++ must be there", "apt install g++ python3-dev")
    assert_refused(start_making(bare, path=tmp_path), bare, *words)


def test_a_compiler_that_fails_is_quoted(bare, tmp_path):
    tools = tmp_path / "bin"
    for name in ("gcc", "g++"):
        write_program(tools, name, "echo note >&2; echo fatal error: tired >&2; exit 4")
    process = start_making(bare, path=tools)
    assert_refused(process, bare, "gcc could not compile", "fatal error: tired")


def test_a_ros_installation_that_lacks_them_is_completed_with_its_own_packages(bare, tmp_path):
    (tmp_path / "rclpy").mkdir()
    (tmp_path / "rclpy" / "__init__.py").touch()
    path = f"{ROOT}{os.pathsep}{tmp_path}"
    process = start_making(bare, PYTHONPATH=path, ROS_DISTRO="kilted")
    words = ("apt install ros-kilted-ackermann-msgs ros-kilted-tf2-msgs", str(tmp_path))
    assert_refused(process, bare, *words)


def test_killed_in_the_middle_it_has_installed_nothing_and_can_be_run_again(bare, tmp_path):
    tools = tmp_path / "bin"
    write_program(tools, "g++", "exit 1")
    write_program(tools, "gcc", f"touch {tmp_path}/compiling; exec sleep 60")
    process = start_making(bare, path=f"{tools}{os.pathsep}{os.environ['PATH']}")
    deadline = time.monotonic() + 60
    while not (tmp_path / "compiling").exists():
        assert process.poll() is None and time.monotonic() < deadline
        time.sleep(0.01)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    (left,) = bare.glob(f"{interfaces._HIDDEN}-*")
    shutil.rmtree(left)
    assert traces(bare) == []
    write_program(tools, "gcc", "exit 1")
    assert_refused(start_making(bare, path=tools), bare, "gcc could not compile")


@pytest.fixture
def lacking(monkeypatch):
    """This process, as if it lacked the two packages."""
    monkeypatch.setattr(interfaces, "missing", lambda: list(NAMES))
    return monkeypatch


def test_without_ros_a_line_says_how_to_install_it(lacking):
    lacking.setattr(interfaces, "find_spec", lambda name: None)
    with pytest.raises(UserError, match=r"pip install 'deepracer_ros\[ros\]'"):
        interfaces.ensure()


def test_without_pythons_headers_a_line_says_what_to_install(lacking, tmp_path):
    lacking.setattr(interfaces.sysconfig, "get_path", lambda name: str(tmp_path))
    with pytest.raises(UserError, match=r"Python\.h must be there\..*python3-dev"):
        interfaces.ensure()


def test_a_prefix_that_cannot_be_written_to_is_named(lacking):
    lacking.setattr(interfaces, "_check_tools", lambda: None)
    lacking.setattr(sys, "prefix", "/proc")  # not even root can
    with pytest.raises(UserError, match=r"Cannot write /proc/.*environment of your own"):
        interfaces.ensure()
