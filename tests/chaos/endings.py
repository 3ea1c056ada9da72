"""Ends of processes: which the run wanted, which a fault that was on explains, and the last words of the others.

What an exit code means is in docs/operations.md. After 69 and 75 a process is started again as after 70; but a fault
takes no port and makes no failure unexpected unless its kind says so, and a watchdog ends only what stands still:
anything else is a finding.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from services.runtime.errors import ExitCode
from tests.oracle_evidence import ProcessEnd
from tests.under_fire.supervising import Member

#: So long a heart may be still before its process ends: four looks at the lag, five seconds each, and some.
LATER_S: Final = 30.0
LAST_LINES: Final = 3
LONG: Final = 400
_QUIET: Final = ('"level": "info"', '"level": "debug"')
_DYING: Final = ("watchdog:", "Fatal Python error")


@dataclass(frozen=True, slots=True)
class Excuse:
    """A fault that was on, and the exit codes that it explains."""

    kind: str
    codes: frozenset[int]
    since: float
    """Monotonic, as all of these moments."""
    until: float
    """When all was well again; a heart that stood still is found some time later."""


@dataclass(frozen=True, slots=True)
class Ended:
    """The end of one life, as the outcome of a run keeps it."""

    at_s: float
    """From the beginning of the faults."""
    process: str
    code: int
    why: str
    """What explains it; empty: nothing, and it is a finding."""


def why(end: ProcessEnd, excuses: Iterable[Excuse]) -> str:
    """Return what explains the end of a process; empty: nothing does."""
    if end.wanted:
        return "the run ended it"
    if end.code == ExitCode.OK:
        return "it stopped in good order"
    found = (one.kind for one in excuses if end.code in one.codes and one.since <= end.at <= one.until + LATER_S)
    return next(found, "")


def judged(members: Sequence[Member], excuses: Sequence[Excuse], *, began: float) -> tuple[list[Ended], list[str]]:
    """Return every end in the order in which they came, and the findings: those that nothing explains."""
    ends = sorted(((end, member) for member in members for end in member.ends), key=lambda one: one[0].at)
    told = [Ended(round(end.at - began, 1), end.process, end.code, why(end, excuses)) for end, _ in ends]
    found = [
        "\n".join((f"I12 {end.process}: it ended with {end.code} and nothing allowed it", *last_words(member, end)))
        for (end, member), one in zip(ends, told, strict=True)
        if not one.why
    ]
    return told, found


def last_words(member: Member, end: ProcessEnd) -> list[str]:
    """Return what a life said last that is serious, or what it said last at all."""
    life = int(end.process.rpartition(" ")[2].rstrip(")"))
    lines = member.logs[life - 1].read_text(errors="replace").splitlines()
    said = [line for line in lines if _serious(line)] or lines
    return [f"    {line[:LONG]}" for line in said[-LAST_LINES:]]


def _serious(line: str) -> bool:
    if not line.startswith("{"):
        return line.startswith(_DYING)
    return not any(level in line for level in _QUIET)
