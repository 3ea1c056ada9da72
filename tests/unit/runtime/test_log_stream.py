"""A log line goes out where there is room, whole and in its turn; where there is none nobody waits for it."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from services.runtime import metrics
from services.runtime.log_stream import LogStream, push


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    """Both ends: what is written to the second is read from the first."""
    ends = os.pipe()
    yield ends
    for end in ends:
        os.close(end)


def lost() -> float:
    (family,) = metrics.LOG_LINES_LOST.collect()
    return next(sample.value for sample in family.samples if sample.name.endswith("_total"))


def test_lines_are_there_as_soon_as_they_are_written(pipe: tuple[int, int]) -> None:
    out, into = pipe
    stream = LogStream(into)
    stream.write("one\n")
    stream.write("tw\udcff\n")
    stream.flush()
    assert os.read(out, 100) == b"one\ntw\\udcff\n"


def test_a_pipe_that_nobody_reads_costs_lines_and_no_time(pipe: tuple[int, int]) -> None:
    out, into = pipe
    stream, before = LogStream(into), lost()
    for n in range(2_000):
        stream.write(f"{n:099}\n")
    assert lost() > before
    taken = os.read(out, 1 << 20)
    stream.write("again\n")
    taken += os.read(out, 1 << 20)
    lines = taken.decode().splitlines()
    assert lines[-1] == "again"
    assert lines[:-1] == [f"{n:099}" for n in range(len(lines) - 1)], "none is broken, none stands in another"
    assert lost() - before == 2_001 - len(lines)


def test_the_rest_of_a_long_line_goes_before_the_next_one(pipe: tuple[int, int]) -> None:
    out, into = pipe
    stream, long = LogStream(into), "x" * 100_000 + "\n"
    stream.write(long)
    taken = os.read(out, 1 << 20)
    assert 0 < len(taken) < len(long)
    stream.write("next\n")
    assert taken + os.read(out, 1 << 20) == f"{long}next\n".encode()


def test_a_full_disk_and_a_reader_that_is_gone_cost_lines_only() -> None:
    before = lost()
    with Path("/dev/full").open("wb") as full:
        LogStream(full.fileno()).write("one\n")
    out, into = os.pipe()
    os.close(out)
    LogStream(into).write("two\n")
    os.close(into)
    assert lost() - before == 2


def test_last_words_are_written_as_far_as_there_is_room(pipe: tuple[int, int]) -> None:
    _, into = pipe
    left = push(b"x" * 100_000, into)
    assert 0 < len(left) < 100_000
    assert push(b"more", into) == b"more"
