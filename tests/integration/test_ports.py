"""Ports for servers of our own, chosen by several programs at the same time."""

import socket
import subprocess
import sys

import pytest

from services.local import ports
from services.local.child import listens
from services.local.ports import BLOCK, HOST, NoPortError, Ports, free_port

_CHOOSING = """
from services.local.ports import free_port
print(*(free_port() for _ in range(200)), flush=True)
input()
"""


def test_a_free_port_is_free() -> None:
    assert not listens(free_port())


def test_programs_that_live_at_the_same_time_never_choose_the_same_port() -> None:
    programs = [
        subprocess.Popen([sys.executable, "-c", _CHOOSING], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for _ in range(4)
    ]
    try:
        chosen = [set(one.stdout.readline().split()) for one in programs if one.stdout is not None]
    finally:
        for one in programs:
            one.communicate("\n", timeout=20)

    assert all(len(ports) >= BLOCK - 1 for ports in chosen)
    assert sum(map(len, chosen)) == len(set().union(*chosen))


def test_no_port_is_given_twice_while_blocks_are_left() -> None:
    ours = Ports()
    given = [ours.choose() for _ in range(3 * BLOCK)]

    assert len(set(given)) == len(given)


def test_a_port_that_rested_is_given_again_and_one_where_somebody_listens_is_passed_over(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ours = Ports()
    given = [ours.choose() for _ in range(BLOCK - 1)]
    monkeypatch.setattr(ports, "REST_S", 0.0)

    with socket.create_server((HOST, given[0])):
        assert ours.choose() == given[1]


def test_where_every_block_is_taken_the_port_given_longest_ago_is_given_again_or_an_error_says_so(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ours = Ports()
    given = [ours.choose() for _ in range(BLOCK - 1)]
    first = given[0] // BLOCK * BLOCK
    monkeypatch.setattr(ports, "PORTS", range(first, first + BLOCK))

    assert ours.choose() == given[0]
    with pytest.raises(NoPortError, match=f"no port of {first} to {first + BLOCK - 1} is free"):
        Ports().choose()
