"""What a lost future showed in snapshots alone is published as its readers saw it, without a gap before it (E7)."""

import json
from datetime import timedelta

import pytest

from services.status import unsent
from services.status.messages import STATUS_TOPIC
from services.status.reading_back import Seen

ORDER = "main:1001"
VALUE = b'{"state": "delivered", "change": {"version": 7, "previous": "in_transit"}}'
SNAPSHOT = Seen(7, VALUE, [("ce_id", "main:1001/7"), ("ce_subject", ORDER)], 1_700_000_000_000)


def test_the_message_of_a_snapshot_is_its_very_bytes() -> None:
    [message] = unsent.messages({ORDER: SNAPSHOT}, {ORDER: 6})
    assert (message.topic, message.key, message.tombstone) == (STATUS_TOPIC, ORDER.encode(), False)
    assert (message.value, message.headers, message.timestamp_ms) == (VALUE, SNAPSHOT.headers, SNAPSHOT.timestamp_ms)


def test_versions_that_nobody_saw_come_before_it_with_what_it_shows_and_ids_of_their_own() -> None:
    found = unsent.messages({ORDER: SNAPSHOT}, {ORDER: 4})
    bodies = [json.loads(one.value or b"") for one in found]
    assert [(one["state"], one["change"]["version"]) for one in bodies] == [
        ("delivered", 5), ("delivered", 6), ("delivered", 7),
    ]  # fmt: skip
    assert [dict(one.headers)["ce_id"] for one in found] == [f"{ORDER}/{version}" for version in (5, 6, 7)]


def test_nothing_is_published_of_an_order_that_was_not_raised_or_whose_version_is_absurd() -> None:
    assert unsent.messages({ORDER: SNAPSHOT}, {}) == []
    assert unsent.messages({ORDER: Seen(2**62, VALUE, [], 0)}, {ORDER: 6}) == []


@pytest.mark.parametrize(("days", "known"), [(0, True), (29, True), (31, False)])
def test_of_a_database_older_than_the_topic_keeps_messages_it_is_not_known_what_was_sent(
    days: int, *, known: bool
) -> None:
    assert unsent.is_known(timedelta(days=days)) is known
