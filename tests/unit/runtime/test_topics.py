"""Topics: what each one needs, compared with the contract."""

from collections.abc import Mapping

import pytest

from schemas.topics import TOPICS
from services.runtime.settings import KafkaSettings
from services.runtime.topics import Action, Existing, Step, compare, wanted_configs, weaknesses

KAFKA = KafkaSettings(topic_prefix="eu.")
INPUT, OUTPUT, SNAPSHOTS = (TOPICS[name] for name in ("carrier.scans.v1", "order.status.v1", "order.snapshots.v1"))


def existing(
    topic: str, partitions: int = 64, *, replicas: int = 3, configs: Mapping[str, str] | None = None
) -> Existing:
    return Existing(partitions, replicas, {**wanted_configs(TOPICS[topic], KAFKA), **(configs or {})})


def test_a_missing_topic_is_created_with_the_partitions_of_the_contract_or_the_setting() -> None:
    assert compare(OUTPUT, None, KAFKA) == Step("eu.order.status.v1", Action.CREATE, 64)
    assert compare(OUTPUT, None, KafkaSettings(partitions=3)).partitions == 3


def test_a_topic_as_the_contract_has_it_needs_nothing() -> None:
    assert compare(OUTPUT, existing(OUTPUT.name), KAFKA) == Step("eu.order.status.v1", Action.NONE, 64)


def test_an_input_grows_and_a_keyed_output_is_only_reported() -> None:
    assert compare(INPUT, existing(INPUT.name, partitions=8), KAFKA).action is Action.GROW
    step = compare(OUTPUT, existing(OUTPUT.name, partitions=8), KAFKA)
    assert (step.action, step.differences) == (Action.NONE, ("8 partitions, not 64",))


def test_nothing_ever_shrinks() -> None:
    step = compare(INPUT, existing(INPUT.name, partitions=100), KAFKA)
    assert (step.action, step.differences) == (Action.NONE, ("100 partitions, not 64",))


@pytest.mark.parametrize(
    ("found", "difference"),
    [
        (existing(OUTPUT.name, replicas=1), "1 replicas, not 3"),
        (existing(OUTPUT.name, configs={"cleanup.policy": "compact"}), "cleanup.policy is compact, not delete"),
        (existing(OUTPUT.name, configs={"min.insync.replicas": "1"}), "min.insync.replicas is 1, not 2"),
    ],
)
def test_other_differences_are_reported(found: Existing, difference: str) -> None:
    assert compare(OUTPUT, found, KAFKA).differences == (difference,)


def test_a_broker_that_does_not_tell_its_settings_is_not_blamed() -> None:
    assert compare(OUTPUT, Existing(64, 3, None), KAFKA).differences == ()


def test_snapshots_are_compacted_and_kept_for_ever() -> None:
    configs = wanted_configs(SNAPSHOTS, KAFKA)
    assert (configs["cleanup.policy"], configs["retention.ms"]) == ("compact", "-1")


def test_an_acknowledged_record_is_as_durable_as_the_contract_wants_or_it_is_said_why_not() -> None:
    assert weaknesses(existing(INPUT.name), KAFKA) == ()
    assert weaknesses(existing(INPUT.name, configs={"min.insync.replicas": "3"}), KAFKA) == ()
    weak = existing(INPUT.name, replicas=1, configs={"min.insync.replicas": "1"})
    assert weaknesses(weak, KAFKA) == ("1 of 3 replicas", "min.insync.replicas is 1, not 2")


def test_where_a_broker_tells_no_settings_the_replicas_are_looked_at() -> None:
    assert weaknesses(Existing(64, 3, None), KAFKA) == ()
    assert weaknesses(Existing(64, 2, None), KAFKA) == ("2 of 3 replicas",)
