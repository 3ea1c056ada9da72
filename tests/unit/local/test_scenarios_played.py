"""Scenarios told again: under fresh names, in our days, onto Kafka; they fold to what they are as written."""

import json
from datetime import UTC, datetime, timedelta
from io import BytesIO
from typing import Any, Final

import pytest

from services.local import workbench
from services.local.messages import KafkaMessage
from services.local.record_lines import UnusableError, read_lines
from services.local.retelling import Telling, days_until, retell
from services.local.scenario_files import chosen, records, scenarios
from services.runtime.kafka import Record
from services.status.expectations import Expectation, Rule
from tests.unit.local.comparing import SCENARIOS, Json, reported

NAMES: Final = sorted(path.stem for path in SCENARIOS.glob("*.jsonl"))
PREFIX: Final = "QZ7"
NOW: Final = datetime(2027, 3, 4, 15, 0, tzinfo=UTC)


def retold(name: str, telling: Telling) -> tuple[list[KafkaMessage], Json]:
    """Return the messages of a telling, and what they fold to."""
    messages = retell(records(scenarios()[name]), telling)
    lines = [
        json.dumps(
            {
                "topic": message.topic,
                "key": message.key.decode(),
                "headers": {name: value.decode() for name, value in message.headers},
                "value": message.value.decode(),
            }
        )
        for message in messages
    ]
    return messages, workbench.report(workbench.fold(read_lines(BytesIO("\n".join(lines).encode()), name)))


def plainly(report: Json) -> Any:
    """Return a report without the lines of its file."""
    shown = json.dumps({**report, "refused": [one["reason"] for one in report["refused"]]})
    return json.loads(shown.replace(f"{PREFIX}-", "").replace(PREFIX, ""))


@pytest.mark.parametrize("name", NAMES)
def test_a_scenario_told_under_other_names_folds_to_the_same_documents(name: str) -> None:
    _, report = retold(name, Telling(PREFIX))
    assert PREFIX in json.dumps(report)
    assert plainly(report) == plainly(reported(name))


@pytest.mark.parametrize("name", NAMES)
def test_a_scenario_told_a_week_later_folds_to_the_same_a_week_later(name: str) -> None:
    _, report = retold(name, Telling(PREFIX, days=7))
    assert shape(report, days=7) == shape(reported(name), days=0)


def shape(report: Json, *, days: int) -> list[Any]:
    """Return what a report says, its times so many days earlier, without names."""
    return [
        [
            order["state"],
            order["conditions"],
            [line["buckets"] for line in order["lines"]],
            [[one["shipment"], one["stage"], one["leg"], one["substatus"], one["attempt_no"]]
             for one in order["shipments"]],
            [[datetime.fromisoformat(one["at"]) - timedelta(days=days), one["subject"], one["what"], one["rule"]]
             for one in order["timeline"]],
            [[one["state"], one["previous"], one["cause"]["type"], one["reason"]] for one in order["published"]],
            [[earlier(one["event"], days), one["rule"], one["why"]] for one in order["set_aside"]],
        ]
        for order in report["orders"]
    ]  # fmt: skip


def earlier(name: str, days: int) -> str:
    """Return the name of an event; that of a time event ends with its date."""
    rest, colon, date = name.rpartition(":20")
    if not colon:
        return name
    return f"{rest} {datetime.fromisoformat(f'20{date}') - timedelta(days=days)}"


@pytest.mark.parametrize("name", NAMES)
def test_two_tellings_share_no_order_and_no_shipment(name: str) -> None:
    first, second = (retold(name, Telling(prefix))[0] for prefix in ("AAA", "BBB"))
    assert not {one.key for one in first} & {one.key for one in second}


def test_a_story_moves_by_whole_days_so_that_its_end_lies_in_the_day_before_now() -> None:
    for name in NAMES:
        told = records(scenarios()[name])
        days = days_until(NOW, told)
        bodies = [json.loads(record.value or b"{}") for record in told]
        last = max(datetime.fromisoformat(body.get("told_at") or body["occurred_at"]) for body in bodies)
        assert NOW - timedelta(days=1) < last + timedelta(days=days) <= NOW


def test_what_is_told_again_keeps_wall_clocks_offsets_and_days() -> None:
    telling = Telling("X", days=400)
    assert telling.time("2026-11-10T07:05:00+11:00") == "2027-12-15T07:05:00+11:00"
    assert telling.time("2026-11-10") == "2027-12-15"
    assert telling.time("10/11/2026 07:05") == "10/11/2026 07:05"
    assert telling.time("2026-13-45") == "2026-13-45"
    assert Telling("X", days=10**7).time("2026-11-10") == "2026-11-10"


def time_events(messages: list[KafkaMessage]) -> list[tuple[str, str]]:
    """Return what each time event is called, and what it has to be called (E15)."""
    found = []
    for message in messages:
        body = json.loads(message.value)
        if body.get("kind") == "time" or body.get("type") == "time_reached":
            due_at = datetime.fromisoformat(body["due_at"])
            name = body.get("event_key") or dict(message.headers)["ce_id"].decode()
            found.append((name, Expectation(Rule(body["rule"]), body["basis"], due_at, body["limit"]).identity))
    return found


def test_e15_time_events_of_other_days_are_named_after_their_new_dates() -> None:
    every = [one for name in NAMES for one in time_events(retold(name, Telling(PREFIX, days=11))[0])]
    assert len(every) > 10
    assert [(name, right) for name, right in every if name != right] == []
    written = {name for scenario in NAMES for name, _ in time_events(retold(scenario, Telling(PREFIX))[0])}
    assert not written & {name for name, _ in every}


def test_what_names_a_time_event_follows_its_new_name_and_other_names_stay() -> None:
    headers = {"ce_id": "time:promise_missed:k:2026-11-07T00:00:00Z", "ce_source": "us"}
    missed = {"type": "time_reached", "order": "7", "rule": "promise_missed", "basis": "k",
              "due_at": "2026-11-07T00:00:00Z", "occurred_at": "2026-11-07T00:00:00Z"}  # fmt: skip
    after = {"kind": "scan", "event_key": "k", "basis": f"us#{headers['ce_id']}", "voids": "k3"}
    odd = {**missed, "rule": "unheard_of"}
    given = tuple((name, text.encode()) for name, text in headers.items())
    records_ = [
        Record("order.events.v1", 0, 1, 0, b"main:7", json.dumps(missed).encode(), given),
        Record("carrier.scans.v1", 0, 2, 0, b"ups:1Z9", json.dumps(after).encode(), (*given[1:], ("ce_id", b"s"))),
    ]
    first, second = retell(records_, Telling("X7", days=1))
    assert dict(first.headers)["ce_id"] == b"time:promise_missed:k:2026-11-08T00:00:00Z"
    told = json.loads(second.value)
    assert (told["event_key"], told["voids"]) == ("k", "k3")
    assert told["basis"] == "us#time:promise_missed:k:2026-11-08T00:00:00Z"
    (kept,) = retell([Record("order.events.v1", 0, 1, 0, b"main:7", json.dumps(odd).encode(), given)], Telling("X", 1))
    assert dict(kept.headers)["ce_id"] == given[0][1]


def test_every_name_in_a_record_is_told_anew_and_nothing_else() -> None:
    value = {
        "type": "shipment_created", "order": "7", "occurred_at": "2026-11-20T10:00:00Z", "shipment": "S1",
        "carrier": "ups", "number": "1Z 9", "references": {"easypost": "trk_1", "odd": 7},
        "aliases": [{"carrier": "usps", "number": "94"}], "lines": [{"line": "1", "quantity": 1}],
    }  # fmt: skip
    headers = (("ce_id", b"e"), ("ce_source", b"oms"), ("traceparent", b"t"))
    event = Record("order.events.v1", 0, 1, 0, b"main:7", json.dumps(value).encode(), headers)
    scan = Record("carrier.scans.v1", 0, 2, 0, b"ref:easypost:trk_1", b"{}", headers[:2])
    told, other = retell([event, scan], Telling("X7", days=1))
    assert json.loads(told.value) == value | {
        "order": "X7-7",
        "occurred_at": "2026-11-21T10:00:00Z",
        "number": "X71Z 9",
        "references": {"easypost": "X7-trk_1", "odd": 7},
        "aliases": [{"carrier": "usps", "number": "X794"}],
    }
    kept = {name: text.decode() for name, text in told.headers}
    assert (told.key, kept["ce_id"], kept["ce_source"], kept["traceparent"]) == (b"main:X7-7", "e", "oms", "t")
    assert (kept["ce_subject"], kept["ce_time"]) == ("main:X7-7", "2026-11-21T10:00:00.000Z")
    assert other.key == b"ref:easypost:X7-trk_1"


def test_what_no_name_can_be_made_of_stays_as_it_is() -> None:
    telling = Telling("X7")
    assert telling.number("TBA") == "TBA"
    assert telling.number("AB 123") == "X7AB 123"
    assert telling.reference("bad kind", "v") == "v"
    odd = [
        Record("carrier.scans.v1", 0, 1, 0, b"no colon", b"[1]", (("ce_id", b"a"), ("ce_source", b"b"))),
        Record("order.events.v1", 0, 2, 0, b"main:7", b"no json", (("ce_id", b"a"), ("ce_source", b"b"))),
        Record("carrier.scans.v1", 0, 3, 0, b"ups:1Z", None, ()),
    ]
    assert [(one.key, one.value) for one in retell(odd, telling)] == [(b"no colon", b"[1]"), (b"main:X7-7", b"no json")]
    assert days_until(NOW, odd) == 0


# --- played ----------------------------------------------------------------------------------------------------------


def test_scenarios_are_chosen_by_name_once_each_or_all() -> None:
    assert [one.name for one in chosen(["second_attempt", "second_attempt"])] == ["second_attempt"]
    assert [one.name for one in chosen(["all"])] == NAMES
    with pytest.raises(UnusableError) as refused:
        chosen(["second_atempt"])
    assert refused.value.hint == "did you mean second_attempt?"
