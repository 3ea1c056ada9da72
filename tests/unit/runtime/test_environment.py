"""Settings from the environment: names, lists, files, well-known names, and what is said about a wrong one."""

import json
from pathlib import Path

import pytest
from pydantic import Field, SecretStr, ValidationError

from services.runtime import describe, environment
from services.runtime.errors import Misconfigured
from services.runtime.settings import (
    KafkaSettings,
    PostgresSettings,
    Secrets,
    Section,
    ServiceSettings,
)


class ShopSection(Section):
    """A section as a service has one."""

    secrets: dict[str, Secrets] = Field(default_factory=dict)
    """Secrets by shop."""
    size: int = 3
    """How big."""


class ShopSettings(ServiceSettings):
    """Settings as a service has them."""

    postgres: PostgresSettings = PostgresSettings()
    ingest: ShopSection = ShopSection()


def load(**variables: str) -> ShopSettings:
    return environment.load(ShopSettings, variables)


def test_an_empty_environment_gives_the_defaults() -> None:
    assert load() == ShopSettings()


def test_nested_names_lists_and_mappings_are_read() -> None:
    settings = load(
        TRACKFOLD_KAFKA__BOOTSTRAP_SERVERS="one:9092, two:9092",
        TRACKFOLD_KAFKA__PARTITIONS="8",
        TRACKFOLD_INGEST__SECRETS__EASYPOST="new,old",
        TRACKFOLD_LOG__LEVEL="debug",
    )
    assert settings.kafka.bootstrap_servers == ("one:9092", "two:9092")
    assert settings.kafka.partitions == 8
    assert settings.ingest.secrets == {"easypost": (SecretStr("new"), SecretStr("old"))}
    assert settings.log.level == "DEBUG"


def test_a_setting_that_may_be_empty_may_be_set_to_nothing() -> None:
    assert load(TRACKFOLD_KAFKA__PARTITIONS="").kafka.partitions is None


def test_a_list_may_be_json() -> None:
    assert load(KAFKA_BOOTSTRAP_SERVERS='["one:1","two:2"]').kafka.bootstrap_servers == ("one:1", "two:2")


def test_well_known_names_are_accepted_and_ours_win() -> None:
    assert load(DATABASE_URL="postgresql://a/b").postgres.url.get_secret_value() == "postgresql://a/b"
    both = load(DATABASE_URL="postgresql://a/b", TRACKFOLD_POSTGRES__URL="postgresql://c/d")
    assert both.postgres.url.get_secret_value() == "postgresql://c/d"


@pytest.mark.parametrize("name", ["TRACKFOLD_POSTGRES__URL_FILE", "DATABASE_URL_FILE"])
def test_a_secret_may_stand_in_a_file(name: str, tmp_path: Path) -> None:
    file = tmp_path / "url"
    file.write_text("postgresql://secret/x\n")
    assert load(**{name: str(file)}).postgres.url.get_secret_value() == "postgresql://secret/x"


def test_a_mapping_of_secrets_may_stand_in_files(tmp_path: Path) -> None:
    file = tmp_path / "easypost"
    file.write_text("new,old")
    settings = load(TRACKFOLD_INGEST__SECRETS__EASYPOST_FILE=str(file))
    assert settings.ingest.secrets == {"easypost": (SecretStr("new"), SecretStr("old"))}


@pytest.mark.parametrize(
    ("variables", "words"),
    [
        ({"TRACKFOLD_KAFKA__TOPIC_PREFX": "x"}, ["TRACKFOLD_KAFKA__TOPIC_PREFX", "TRACKFOLD_KAFKA__TOPIC_PREFIX?"]),
        ({"TRACKFOLD_QQ": "x"}, ["TRACKFOLD_QQ", "config show"]),
        ({"TRACKFOLD_KAFKA__PARTITIONS": "many"}, ["TRACKFOLD_KAFKA__PARTITIONS"]),
        ({"TRACKFOLD_KAFKA__PARTITIONS": "0"}, ["TRACKFOLD_KAFKA__PARTITIONS"]),
        ({"TRACKFOLD_KAFKA__SECURITY_PROTOCOL": "SASL_SSL"}, ["sasl_username"]),
        ({"TRACKFOLD_KAFKA__MIN_INSYNC_REPLICAS": "4"}, ["min_insync_replicas"]),
        ({"TRACKFOLD_KAFKA__BOOTSTRAP_SERVERS": "[1"}, ["TRACKFOLD_KAFKA__BOOTSTRAP_SERVERS"]),
        ({"DATABASE_URL": "a", "DATABASE_URL_FILE": "b"}, ["DATABASE_URL_FILE"]),
        ({"DATABASE_URL_FILE": "/no/such/file"}, ["DATABASE_URL_FILE", "/no/such/file"]),
    ],
)
def test_what_is_wrong_is_named(variables: dict[str, str], words: list[str]) -> None:
    with pytest.raises(Misconfigured) as caught:
        load(**variables)
    text = f"{caught.value.message} {caught.value.hint}"
    assert [word for word in words if word not in text] == []


def test_a_bad_value_is_not_repeated_it_may_be_a_secret() -> None:
    with pytest.raises(Misconfigured) as caught:
        load(TRACKFOLD_KAFKA__PARTITIONS="canary", TRACKFOLD_LOG__LEVEL="canary")
    assert "canary" not in str(caught.value)


def test_the_section_of_another_service_is_not_judged_here_but_by_all_of_them_together() -> None:
    load(TRACKFOLD_NOTIFY__SMTP_HOST="x", TRACKFOLD_HTTP__PORT="1", TRACKFOLD_LINKS__KEYS="x")
    with pytest.raises(Misconfigured):
        environment.check_names([ShopSettings], {"TRACKFOLD_NOTIFY__SMTP_HOST": "x"}, every=True)


def test_settings_are_frozen_and_say_what_each_is_for() -> None:
    with pytest.raises(ValidationError):
        load().kafka.topic_prefix = "x"  # type: ignore[misc]
    undescribed = [field.variable for field in environment.fields(ShopSettings) if not field.info.description]
    assert undescribed == []


def test_a_listing_shows_sources_and_hides_secrets() -> None:
    rows = describe.rows(
        [ShopSettings],
        {
            "DATABASE_URL": "postgresql://canary/x",
            "TRACKFOLD_INGEST__SECRETS__UPS": "canary",
            "TRACKFOLD_INGEST__SIZE": "5",
        },
    )
    by_name = {row["variable"]: row for row in rows}
    assert by_name["TRACKFOLD_POSTGRES__URL"]["source"] == "DATABASE_URL"
    assert by_name["TRACKFOLD_INGEST__SIZE"] | {"description": ""} == {
        "variable": "TRACKFOLD_INGEST__SIZE",
        "value": 5,
        "source": "TRACKFOLD_INGEST__SIZE",
        "description": "",
        "services": ["shop"],
    }
    assert by_name["TRACKFOLD_INGEST__SECRETS"]["value"] == describe.HIDDEN
    assert "canary" not in json.dumps(rows)


def test_names_on_the_wire_carry_the_prefix() -> None:
    kafka = KafkaSettings(topic_prefix="eu.")
    assert kafka.topic("order.status.v1") == "eu.order.status.v1"
    assert kafka.group("trackfold.status.apply") == "eu.trackfold.status.apply"
    assert kafka.logical("eu.order.status.v1") == "order.status.v1"
