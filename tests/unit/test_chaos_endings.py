"""How processes may end under chaos: only as the run or the fault that was on explains; the rest speaks for itself."""

import json
from pathlib import Path

import pytest

from tests.chaos import endings
from tests.chaos.endings import LATER_S, Ended, Excuse
from tests.chaos.kinds import KINDS
from tests.chaos.timeline import Outcome
from tests.oracle_evidence import ProcessEnd
from tests.stack.processes import Processes
from tests.under_fire.supervising import Member

FROZEN = Excuse("freeze_status", frozenset({70}), since=10.0, until=20.0)
KILLED = Excuse("kill_status", frozenset(), since=10.0, until=20.0)
SAID = (
    '{"event": "joined", "level": "info"}',
    '{"event": "the consumer gives up", "level": "error"}',
    "  a line of a stack",
    '{"event": "ending", "why": "status.apply: KeyError, 5 times", "level": "error"}',
    '{"event": "ended", "level": "info"}',
)


def end(code: int, at: float = 15.0, *, wanted: bool = False) -> ProcessEnd:
    return ProcessEnd("status 1 (life 1)", code, wanted, at)


@pytest.fixture
def member(tmp_path: Path) -> Member:
    """A member whose first life has said something."""
    log = tmp_path / "status-1.log"
    log.write_text("\n".join(SAID))
    return Member("status 1", "status", {}, {}, Processes(tmp_path), logs=[log])


@pytest.mark.parametrize("code", [1, 69, 70, 75, 78, -9, -11])
def test_an_end_that_no_fault_explains_is_a_finding_and_says_its_last_serious_lines(member: Member, code: int) -> None:
    member.ends.append(end(code))
    lives, (finding,) = endings.judged([member], [KILLED], began=5.0)
    assert lives == [Ended(10.0, "status 1 (life 1)", code, "")]
    first, *words = finding.splitlines()
    assert first == f"I12 status 1 (life 1): it ended with {code} and nothing allowed it"
    assert [json.loads(one)["event"] for one in words] == ["the consumer gives up", "ending"]


@pytest.mark.parametrize(
    ("one", "said"),
    [
        (end(-9, wanted=True), "the run ended it"),
        (end(75, wanted=True), "the run ended it"),
        (end(0), "it stopped in good order"),
        (end(70), "freeze_status"),
    ],
)
def test_an_end_that_the_run_or_a_fault_explains_is_kept_and_no_finding(
    member: Member, one: ProcessEnd, said: str
) -> None:
    member.ends.append(one)
    lives, findings = endings.judged([member], [KILLED, FROZEN], began=0.0)
    assert (lives, findings) == ([Ended(15.0, one.process, one.code, said)], [])


@pytest.mark.parametrize(
    ("at", "explained"), [(9.9, False), (10.0, True), (20.0 + LATER_S, True), (20.1 + LATER_S, False)]
)
def test_a_fault_explains_ends_while_it_is_on_and_until_hearts_that_stood_still_are_found(
    at: float, *, explained: bool
) -> None:
    assert (endings.why(end(70, at), [FROZEN]) == "freeze_status") == explained


def test_a_fault_that_lets_a_watchdog_end_a_process_explains_no_other_code() -> None:
    assert [endings.why(end(code), [FROZEN]) for code in (1, 69, 75, 78)] == [""] * 4


def test_a_process_that_said_nothing_serious_is_quoted_all_the_same(member: Member) -> None:
    member.logs[0].write_text(SAID[0])
    assert endings.last_words(member, end(75)) == [f"    {SAID[0]}"]


def test_an_outcome_keeps_every_end_and_counts_them_by_code(member: Member) -> None:
    member.ends += [end(-9, wanted=True), end(70), end(70)]
    outcome = Outcome(1, 20, lives=endings.judged([member], [FROZEN], began=0.0)[0])
    told = json.loads(json.dumps(outcome.as_json()))
    assert told["ends"] == {"-9": 1, "70": 2}
    assert [one["why"] for one in told["lives"]] == ["the run ended it", "freeze_status", "freeze_status"]


def test_no_kind_allows_what_is_never_a_faults_doing() -> None:
    allowed = {code for kind in KINDS.values() for code in kind.may_end_with}
    assert allowed == {70, 75}
    assert {kind.name for kind in KINDS.values() if 75 in kind.may_end_with} == {
        f"failing_at_a_point_of_{service}" for service in ("ingest", "status", "notify")
    }
