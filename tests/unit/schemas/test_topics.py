"""Topics: the table of the contract holds together."""

from datetime import timedelta

import pytest

from schemas.dead_letters import BYTES_STAY
from schemas.topics import KIB, PRODUCTION_PARTITIONS, TOPICS, Topic

ALL = [pytest.param(topic, id=topic.name) for topic in TOPICS.values()]


@pytest.mark.parametrize("topic", ALL)
def test_every_topic_has_a_writer_a_reader_and_says_what_its_key_is(topic: Topic) -> None:
    assert topic.written_by
    assert topic.read_by
    assert topic.key
    assert topic.partitions > 0


@pytest.mark.parametrize("topic", ALL)
def test_a_topic_is_kept_for_a_time_or_compacted_and_never_both(topic: Topic) -> None:
    assert (topic.retention is None) == (topic.cleanup == "compact")
    assert topic.retention is None or topic.retention >= timedelta(days=30)


def test_what_status_and_notify_write_never_gets_more_partitions() -> None:
    outputs = {"order.status.v1", "order.snapshots.v1", "notification.outcomes.v1"}
    assert {name for name in outputs if TOPICS[name].may_grow} == set()
    assert {TOPICS[name].partitions for name in outputs} == {PRODUCTION_PARTITIONS}


def test_a_status_and_its_snapshot_lie_in_the_same_partition_number() -> None:
    assert TOPICS["order.status.v1"].partitions == TOPICS["order.snapshots.v1"].partitions
    assert TOPICS["order.status.v1"].model is TOPICS["order.snapshots.v1"].model


def test_the_topics_are_those_of_the_contract() -> None:
    assert {name: topic.max_message_bytes // KIB for name, topic in TOPICS.items()} == {
        "carrier.webhooks.v1": 2560,
        "carrier.scans.v1": 256,
        "order.events.v1": 256,
        "order.status.v1": 256,
        "order.snapshots.v1": 256,
        "notification.outcomes.v1": 256,
        "dead-letters.v1": 4096,
    }


def test_topics_that_may_hold_personal_data_are_restricted() -> None:
    restricted = {name for name, topic in TOPICS.items() if topic.restricted}
    assert restricted == {"carrier.webhooks.v1", "order.events.v1", "dead-letters.v1"}
    assert restricted >= BYTES_STAY


@pytest.mark.parametrize("topic", ALL)
def test_a_name_is_a_stem_and_a_version(topic: Topic) -> None:
    assert f"{topic.stem}.v{topic.version}" == topic.name
