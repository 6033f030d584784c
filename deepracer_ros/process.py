"""How a node's process begins and ends."""

import importlib
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

from deepracer_ros.shared_memory import check_ports, check_shared_memory, shared_memory_fault
from deepracer_sim.errors import UserError
from deepracer_sim.files import share_directory

_ENDING = (signal.SIGINT, signal.SIGTERM)
_LARGEST_DOMAIN = 232  # beyond it the ports of DDS exceed 65535


def run(module: str) -> None:
    """Import a node's module and call its main(); a user's mistake ends it with one line."""
    _take_closed_terminal_for_the_end()
    try:
        with _ended_at_once():
            check_environment()
            node = importlib.import_module(module)
        node.main()
    except UserError as error:
        sys.exit(f"Error: {error}")
    except KeyboardInterrupt:
        pass  # before ROS was up, or when it was down
    finally:
        for number in _ENDING:
            signal.signal(number, signal.SIG_IGN)  # it ends


def _take_closed_terminal_for_the_end() -> None:
    """Make SIGHUP a SIGTERM, unless it is ignored, as by nohup."""
    if signal.getsignal(signal.SIGHUP) == signal.SIG_DFL:
        signal.signal(signal.SIGHUP, lambda *_: os.kill(os.getpid(), signal.SIGTERM))


@contextmanager
def _ended_at_once() -> Iterator[None]:
    """Ctrl-C and SIGTERM end the process here: an import that is broken off may raise anything."""
    heard = [one for one in _ENDING if signal.getsignal(one) != signal.SIG_IGN]
    before = {one: signal.signal(one, lambda *_: os._exit(0)) for one in heard}
    yield
    for one, handler in before.items():
        signal.signal(one, handler)


def check_environment() -> None:
    """Raise UserError where ROS 2 is missing, or cannot start in this environment."""
    check_shared_memory()
    try:
        importlib.import_module("rclpy")
    except ImportError as error:
        raise UserError(
            f"ROS 2 was not found ({error}). Install it from PyPI: "
            "pip install 'deepracer_ros[ros]'; or source your ROS 2: "
            ". /opt/ros/DISTRIBUTION/setup.bash"
        ) from error
    domain = os.environ.get("ROS_DOMAIN_ID", "") or "0"
    if not domain.isdecimal() or int(domain) > _LARGEST_DOMAIN:
        raise UserError(
            f"The environment variable ROS_DOMAIN_ID is {domain!r}; "
            f"it must be a whole number from 0 to {_LARGEST_DOMAIN}."
        )
    if not any(os.environ.get(name) for name in ("HOME", "ROS_HOME", "ROS_LOG_DIR")):
        raise UserError(
            "The environment variable HOME is not set, so ROS has no folder for its logs. "
            "Set HOME, or ROS_LOG_DIR to a folder that can be written to."
        )


def choose_transport() -> None:
    """Let Fast DDS read our config/fastdds.xml, unless the user has another file for it.

    Other middlewares do not look at it.
    """
    path = share_directory() / "config" / "fastdds.xml"
    os.environ.setdefault("FASTDDS_DEFAULT_PROFILES_FILE", str(path))


@contextmanager
def started(args: list[str] | None = None, *, signals: bool = True) -> Iterator[Any]:
    """ROS is up inside, with an executor: Ctrl-C and SIGTERM end it quietly.

    args: ROS arguments; None means those of the command line. signals=False: ROS leaves signals
    alone.
    """
    import rclpy
    from rclpy.exceptions import NotInitializedException
    from rclpy.executors import ExternalShutdownException
    from rclpy.signals import SignalHandlerOptions, install_signal_handlers

    heard: list[int] = []
    before = _note_signals(heard) if signals else {}
    try:
        executor = _start(args)
        if signals:
            install_signal_handlers(SignalHandlerOptions.ALL)
        if heard:
            rclpy.try_shutdown()
        yield executor
    except (KeyboardInterrupt, ExternalShutdownException):
        pass  # how ROS processes are asked to end
    except (RuntimeError, NotInitializedException):
        if rclpy.ok():
            raise
        # asked to end while a node was made or published, which then fails
    finally:
        rclpy.try_shutdown()
        for number, handler in before.items():
            signal.signal(number, handler)


def _note_signals(heard: list[int]) -> dict[int, Any]:
    """Add Ctrl-C and SIGTERM to a list, and do no more; return what handled them before.

    ROS hears them, too, once it is up; before, it would complain. Python's KeyboardInterrupt would
    come anywhere, also where rclpy clears away.
    """
    if threading.current_thread() is not threading.main_thread():
        return {}
    return {one: signal.signal(one, lambda number, _: heard.append(number)) for one in _ENDING}


def _start(args: list[str] | None) -> Any:
    """Start ROS, deaf to signals; return an executor. Raises UserError."""
    import rclpy
    from rclpy.executors import SingleThreadedExecutor
    from rclpy.signals import SignalHandlerOptions

    choose_transport()
    try:
        rclpy.init(args=args, signal_handler_options=SignalHandlerOptions.NO)
    except RuntimeError as error:
        raise UserError(f"ROS does not start: {error}") from error
    domain = rclpy.get_default_context().get_domain_id()
    check_ports(domain)
    if fault := shared_memory_fault(domain):
        rclpy.logging.get_logger("deepracer_ros").warning(fault)
    return SingleThreadedExecutor()


@contextmanager
def served(node: Any) -> Iterator[Any]:
    """Serve a node in a thread of its own inside, and destroy it at the end."""
    from rclpy.executors import ExternalShutdownException, SingleThreadedExecutor
    from rclpy.task import Future

    executor = SingleThreadedExecutor(context=node.context)
    executor.add_node(node)
    end: Any = Future()

    def spin() -> None:
        with suppress(ExternalShutdownException):  # the process ends
            executor.spin_until_future_complete(end)

    thread = threading.Thread(target=spin)
    thread.start()
    try:
        yield node
    finally:
        end.set_result(None)
        thread.join()  # before the executor ends, which would not wake a thread about to wait
        executor.shutdown()
        node.destroy_node()


def spin(make: Callable[[], Any]) -> None:
    """Make a node, or several, and serve them until the process is asked to end."""
    with started() as executor:
        serve(executor, make)


def serve(executor: Any, make: Callable[[], Any]) -> None:
    """The same where ROS is up already."""
    made = make()
    nodes = list(made) if isinstance(made, Iterable) else [made]
    for node in nodes:
        executor.add_node(node)
    try:
        executor.spin()
    finally:
        for node in nodes:
            node.destroy_node()
