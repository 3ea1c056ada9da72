"""The watchdog: who lives, who dies, and what is left behind."""

import subprocess
import sys

from services.runtime.watchdog import Watchdog

STOPPED = """
import time
from services.runtime.watchdog import Watchdog
dog = Watchdog(1.0)
alive, dead = dog.heart("alive"), dog.heart("dead")
dog.start()
def stuck_here():
    while True:
        alive.beat()
        time.sleep(0.05)
stuck_here()
"""


class Clock:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def dog(clock: Clock) -> tuple[Watchdog, list[str]]:
    killed: list[str] = []
    return Watchdog(60, clock=clock, kill=killed.append), killed


def test_a_heart_that_stands_still_too_long_ends_the_process_and_is_named() -> None:
    clock = Clock()
    watchdog, killed = dog(clock)
    watchdog.heart("relay")
    clock.now += 60
    watchdog.check()
    assert killed == []
    clock.now += 1
    watchdog.check()
    assert killed == ["watchdog: 'relay' has not turned for 61 s (limit 60 s); exit 70"]


def test_a_beating_heart_lives() -> None:
    clock = Clock()
    watchdog, killed = dog(clock)
    heart = watchdog.heart("relay")
    for _ in range(10):
        clock.now += 59
        heart.beat()
        watchdog.check()
    assert killed == []


def test_a_heart_may_have_a_limit_of_its_own_and_be_forgotten() -> None:
    clock = Clock()
    watchdog, killed = dog(clock)
    heart = watchdog.heart("slow", 600)
    clock.now += 500
    watchdog.check()
    watchdog.forget(heart)
    clock.now += 500
    watchdog.check()
    assert killed == []


def test_a_real_process_ends_with_70_and_shows_its_stacks() -> None:
    """E12: a loop that stands still ends the process."""
    done = subprocess.run([sys.executable, "-c", STOPPED], check=False, timeout=60, capture_output=True, text=True)
    assert done.returncode == 70
    assert "'dead' has not turned" in done.stderr
    assert "stuck_here" in done.stderr
