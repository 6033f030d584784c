import signal
import threading

import pytest

from deepracer_agent import reward_file
from deepracer_agent.rewards import RewardError, load_reward

LOOPS = {
    "plain": "    while True:\n        pass\n",
    "swallows exceptions": (
        "    while True:\n        try:\n            x = 1\n        except Exception:\n"
        "            pass\n"
    ),
    "swallows everything": (
        "    while True:\n        try:\n            x = 1\n        except:\n            pass\n"
    ),
    "in a library": "    import time\n    time.sleep(60)\n",
}


@pytest.mark.parametrize("body", LOOPS.values(), ids=LOOPS)
def test_an_endless_loop_is_stopped(write, body):
    path = write(f"def reward_function(params):\n{body}    return 1.0\n")
    handler = signal.getsignal(signal.SIGALRM)
    with pytest.raises(RewardError, match=r"line [2-6]: The call took longer than 0\.05 s"):
        load_reward(path, call_time=0.05)([{}])
    assert signal.getsignal(signal.SIGALRM) is handler
    assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)


def test_an_endless_import_is_stopped(write, monkeypatch):
    monkeypatch.setattr(reward_file, "IMPORT_TIME", 0.05)
    with pytest.raises(RewardError, match=r"line [23]: The import did not end"):
        load_reward(write("x = 1\nwhile True:\n    pass\n"))


def test_a_timer_that_was_set_before_is_kept(write):
    path = write("def reward_function(params):\n    return 1.0\n")
    rung = []
    handler = signal.signal(signal.SIGALRM, lambda *_: rung.append(1))
    try:
        signal.setitimer(signal.ITIMER_REAL, 1000.0, 500.0)
        load_reward(path)([{}] * 4)
        delay, interval = signal.setitimer(signal.ITIMER_REAL, 0.0)
        assert 0.0 < delay < 1000.0
        assert interval == 500.0
        signal.raise_signal(signal.SIGALRM)
        assert rung == [1]
    finally:
        signal.signal(signal.SIGALRM, handler)


def test_outside_the_main_thread_a_long_call_is_refused_when_it_returns(write):
    path = write("def reward_function(params):\n    return sum(range(10 ** 6))\n")
    errors = []

    def call():
        try:
            load_reward(path, call_time=1e-4)([{}])
        except RewardError as error:
            errors.append(str(error))

    thread = threading.Thread(target=call)
    thread.start()
    thread.join()
    assert len(errors) == 1
    assert "line 1: The call took longer" in errors[0]
