"""The command `deepracer` itself: start, exit codes, what people see when something is wrong."""

import os
import signal
import subprocess
import sys
from xml.etree import ElementTree

import pytest
import typer

from deepracer_cli import main
from deepracer_sim.errors import UserError
from deepracer_sim.files import share_directory

HEAVY = {
    "cv2",
    "google",
    "gymnasium",
    "matplotlib",
    "numba",
    "numpy",
    "onnxruntime",
    "openvino",
    "torch",
}


@pytest.fixture
def run(monkeypatch, capsys):
    """Run main() with one command in place of ours; return exit code and stderr."""

    def run_command(command):
        app = typer.Typer()
        app.command()(command)
        monkeypatch.setattr(main, "app", app)
        monkeypatch.setattr(sys, "argv", ["deepracer"])
        before = {one: signal.getsignal(one) for one in (signal.SIGTERM, signal.SIGHUP)}
        try:
            with pytest.raises(SystemExit) as end:
                main.main()
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
        return end.value.code, capsys.readouterr().err

    return run_command


def python(*arguments, **options):
    return subprocess.run([sys.executable, *arguments], text=True, check=False, **options)


def test_a_users_mistake_is_told_in_one_line(run):
    def command():
        raise UserError("worlds/oval.yaml, point 3: is NaN.")

    assert run(command) == (1, "Error: worlds/oval.yaml, point 3: is NaN.\n")


def test_ctrl_c_is_told_in_one_line(run):
    def command():
        raise KeyboardInterrupt

    assert run(command) == (130, "Interrupted.\n")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_asked_to_end_it_clears_away(run, number):
    cleared = []

    def command():
        try:
            os.kill(os.getpid(), number)
            signal.pause()
        finally:
            cleared.append(True)

    assert run(command) == (128 + number, "")
    assert cleared


def test_a_missing_package_is_told_in_one_line(run):
    def command():
        raise ModuleNotFoundError("No module named 'numba'", name="numba")

    code, told = run(command)
    assert code == 1
    assert told.startswith("Error: this needs the Python package numba")
    assert told.count("\n") == 1


def test_a_missing_module_of_ours_is_a_bug(run):
    def command():
        raise ModuleNotFoundError("No module named 'deepracer_sim.x'", name="deepracer_sim.x")

    with pytest.raises(ModuleNotFoundError):
        run(command)


def test_a_reward_function_that_closes_the_output_is_told(tmp_path):
    path = tmp_path / "mine.py"
    path.write_text("import sys\nsys.stdout.close()\ndef reward_function(params): return 1\n")
    shown = python("-m", "deepracer_cli.main", "reward", "check", path, stderr=subprocess.PIPE)
    assert shown.returncode == 1
    assert shown.stderr.startswith("Error: a reward function has closed sys.stdout")
    assert shown.stderr.count("\n") == 1


def test_success_is_silent(run):
    assert run(lambda: None) == (0, "")


def test_a_bug_keeps_its_traceback(run):
    def command():
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        run(command)


def test_starting_imports_nothing_heavy():
    code = f"import sys, deepracer_cli.main; print({HEAVY} & set(sys.modules) or 'none')"
    assert python("-c", code, capture_output=True).stdout == "none\n"


def test_help_names_every_command():
    shown = python("-m", "deepracer_cli.main", "--help", capture_output=True)
    assert shown.returncode == 0
    for name in ("train", "evaluate", "tracks", "models", "export", "import", "car"):
        assert f" {name} " in shown.stdout


def test_version_is_the_packages():
    stated = ElementTree.parse(share_directory() / "package.xml").findtext("version")
    shown = python("-m", "deepracer_cli.main", "--version", capture_output=True)
    assert shown.stdout == f"{stated}\n"


def test_an_unknown_command_is_wrong_usage():
    assert python("-m", "deepracer_cli.main", "fly", capture_output=True).returncode == 2


@pytest.mark.parametrize("option", ["--help", "--version"])
def test_a_reader_that_leaves_is_no_error_to_tell(option):
    reading, writing = os.pipe()
    os.close(reading)
    shown = python("-m", "deepracer_cli.main", option, stdout=writing, stderr=subprocess.PIPE)
    os.close(writing)
    assert shown.stderr == ""
