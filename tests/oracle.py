"""The oracle: says from outside, by evidence alone, whether the twelve invariants hold.

    evidence = await collect(Source(bootstrap_servers, prefix, database_url), topics=TOPICS)  # what can be read
    evidence = replace(evidence, sent=..., expected=..., mails=..., ...)     # what only a test knows
    findings = judge(evidence)                    # sentences that say what is wrong and where; empty: all hold
    assert not findings, report(findings)

`judge(evidence, but_for={"I4"})` leaves out invariants that a fault takes away on purpose; say in the test why. Each
`judge_i1` … `judge_i12` is pure and can be asked alone. What was not gathered is judged as empty: `Evidence()` has no
finding. A test on the stage (`tests/under_fire/stage.py`) calls `heal_and_judge()` and need not know more.

| invariant | says |
|---|---|
| I1 | every acknowledged event is in the ledger |
| I2 | each counts once; the state is the one written down by hand |
| I3 | every version is in the status topic, in order, repeats the same bytes; the snapshot is the newest message |
| I4 | no message is taken twice by its provider; each has ended; who must be told was |
| I5 | offsets only rise; no unexplained gap |
| I6 | after healing all is quiet within the limit, by itself |
| I7 | what was acknowledged is in the log; only documented answers |
| I8 | memory, files and connections are back where they were |
| I9 | personal data stays in its places |
| I10 | poison is set aside with its place, its neighbours are not |
| I11 | no page shows another order or goes back |
| I12 | every process is healthy or gone |
"""

from collections.abc import Callable, Collection, Mapping
from typing import Final

from tests.oracle_collect import Source, collect
from tests.oracle_counting import judge_i1, judge_i2, judge_i3, judge_i5, judge_i10
from tests.oracle_evidence import TOPICS, Evidence, Finding
from tests.oracle_running import judge_i6, judge_i7, judge_i8, judge_i12
from tests.oracle_telling import judge_i4, judge_i9, judge_i11

__all__ = ["INVARIANTS", "TOPICS", "Evidence", "Finding", "Source", "collect", "judge", "report"]

INVARIANTS: Final[Mapping[str, Callable[[Evidence], list[Finding]]]] = {
    "I1": judge_i1,
    "I2": judge_i2,
    "I3": judge_i3,
    "I4": judge_i4,
    "I5": judge_i5,
    "I6": judge_i6,
    "I7": judge_i7,
    "I8": judge_i8,
    "I9": judge_i9,
    "I10": judge_i10,
    "I11": judge_i11,
    "I12": judge_i12,
}
_MOST_SHOWN: Final = 40


def judge(evidence: Evidence, *, but_for: Collection[str] = ()) -> list[Finding]:
    """Return everything that is wrong, invariant by invariant."""
    if unknown := set(but_for) - INVARIANTS.keys():
        raise ValueError(f"no such invariant: {', '.join(sorted(unknown))}")
    return [finding for name, ask in INVARIANTS.items() if name not in but_for for finding in ask(evidence)]


def report(findings: Collection[Finding]) -> str:
    """Return the findings as lines for a failed test."""
    lines = [str(one) for one in findings][:_MOST_SHOWN]
    rest = len(findings) - len(lines)
    return "\n".join([f"{len(findings)} findings:", *lines, *([f"… and {rest} more"] if rest else [])])
