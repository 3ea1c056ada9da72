"""What a run did and what came of it: the faults in their order, the counts, the findings; as text and as JSON."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from typing import Any, Final

from tests.chaos.endings import Ended
from tests.nemesis.striking import published_again
from tests.oracle_evidence import DEAD_LETTERS, ORDER_EVENTS, SCANS, STATUS, Evidence

#: A run as long as this must have struck so much.
LONG_S: Final = 1200.0
LEAST_FAULTS: Final = 60
LEAST_KINDS: Final = 30


@dataclass(frozen=True, slots=True)
class Struck:
    """One fault of the timeline."""

    at_s: float
    """When it was struck, from the beginning of the faults."""
    kind: str
    detail: str = ""
    lasted_s: float = 0.0
    recovered_s: float | None = None
    """How long it took from its healing until all had caught up; two at once share it."""
    missed: str = ""
    """Why it did not happen, if so: then it counts for nothing."""

    def __str__(self) -> str:
        if self.missed:
            return f"{self.at_s:7.1f}  {self.kind:32} did not happen: {self.missed}"
        well = "not well again in time" if self.recovered_s is None else f"well again after {self.recovered_s:4.1f} s"
        return f"{self.at_s:7.1f}  {self.kind:32} {self.lasted_s:5.1f} s  {well}  {self.detail}"


@dataclass
class Outcome:
    """A whole run."""

    seed: int
    seconds: float
    faults: list[Struck] = field(default_factory=list)
    counts: dict[str, int] = field(default_factory=dict)
    lives: list[Ended] = field(default_factory=list)
    """Every end of a process, with what explains it."""
    findings: list[str] = field(default_factory=list)
    stuck: str = ""

    @property
    def struck(self) -> list[Struck]:
        """The faults that did happen."""
        return [one for one in self.faults if not one.missed]

    @property
    def kinds(self) -> set[str]:
        """Which kinds of faults did happen."""
        return {one.kind for one in self.struck}

    @property
    def ends(self) -> dict[str, int]:
        """How many processes ended with each exit code; -9 was killed."""
        return dict(Counter(str(one.code) for one in self.lives))

    @property
    def slowest_s(self) -> float:
        """The longest time to recover."""
        return max((one.recovered_s for one in self.struck if one.recovered_s is not None), default=0.0)

    @property
    def clean(self) -> bool:
        """Whether everything held."""
        return not self.findings and not self.stuck

    def as_json(self) -> dict[str, Any]:
        """Return it for a file."""
        told = {"struck": len(self.struck), "kinds": sorted(self.kinds), "ends": self.ends, "clean": self.clean}
        return asdict(self) | told

    def lines(self) -> Iterator[str]:
        """Tell it."""
        yield f"seed {self.seed}, {self.seconds:.0f} s of faults"
        yield "at (s)   fault                              lasted"
        yield from map(str, self.faults)
        yield f"{len(self.struck)} faults of {len(self.kinds)} kinds; slowest recovery {self.slowest_s:.1f} s"
        yield from (f"{count:8}  {what}" for what, count in self.counts.items())
        yield from (f"{count:8}  processes ended with {code}" for code, count in sorted(self.ends.items()))
        yield from self.findings
        if self.stuck:
            yield self.stuck
        yield f"seed {self.seed}: {'clean' if self.clean else 'FAILED'}"


def counts(evidence: Evidence) -> dict[str, int]:
    """Count what a run sent, and what became of it."""
    told = [*evidence.records(SCANS), *evidence.records(ORDER_EVENTS)]
    applied = [one for one in evidence.counted if one.kind in {"scan", "event"}]
    versions = {(one.key, one.value) for one in evidence.records(STATUS)}
    return {
        "letters sent": len(evidence.sent),
        "of them acknowledged": sum(one.promised for one in evidence.sent),
        "sent more than once": sum(max(0, len(one.acks) + len(one.answers) - 1) for one in evidence.sent),
        "of them poison": sum(one.poison for one in evidence.sent),
        "records on the input topics": len(told),
        "events counted": len(applied),
        "orders": len(evidence.orders),
        "versions published": len(versions),
        "versions repeated": published_again(evidence),
        "mails": len(evidence.mails),
        "dead letters": len(evidence.records(DEAD_LETTERS)),
    }


def too_little(outcome: Outcome, *, chosen: bool) -> Iterator[str]:
    """Say what a run lacks to show anything; one whose kinds were chosen need not have many."""
    faults, kinds = len(outcome.struck), len(outcome.kinds)
    if not faults:
        yield "no fault did happen: the run shows nothing"
    elif outcome.seconds >= LONG_S and not chosen and (faults < LEAST_FAULTS or kinds < LEAST_KINDS):
        yield f"{faults} faults of {kinds} kinds: a long run must have {LEAST_FAULTS} of {LEAST_KINDS} at least"
