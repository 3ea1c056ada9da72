"""Settings of ingest: secrets from variables and files, and what a wrong one says."""

from pathlib import Path

import pytest

from services.ingest.carriers.registry import WEBHOOK_CARRIERS
from services.ingest.settings import IngestSettings, signing_keys
from services.runtime import environment
from services.runtime.errors import Misconfigured

WHSEC = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
NAME = "TRACKFOLD_INGEST__SECRETS__EASYPOST"


@pytest.mark.parametrize(
    ("written", "secrets"),
    [
        ("one", ["one"]),
        ("new,old", ["new", "old"]),
        ('["with, comma", "old"]', ["with, comma", "old"]),
        ("first\nsecond\n", ["first", "second"]),
        ("123456", ["123456"]),
        ("0123", ["0123"]),
    ],
)
def test_secrets_come_one_or_several(written: str, secrets: list[str], tmp_path: Path) -> None:
    (tmp_path / "secret").write_text(written + "\n")
    for environ in ({NAME: written}, {NAME + "_FILE": str(tmp_path / "secret")}):
        keys = signing_keys(environment.load(IngestSettings, environ).ingest)
        assert keys == {"easypost": tuple(secret.encode() for secret in secrets)}


def test_secrets_of_all_providers_can_stand_in_one_json() -> None:
    environ = {"TRACKFOLD_INGEST__SECRETS": f'{{"easypost": ["a"], "standard": ["{WHSEC}"]}}'}
    assert set(signing_keys(environment.load(IngestSettings, environ).ingest)) == {"easypost", "standard"}


def test_a_secret_for_a_provider_that_is_not_there_is_an_error_that_names_those_that_are() -> None:
    with pytest.raises(Misconfigured, match=f"easypsot.*known: {', '.join(WEBHOOK_CARRIERS)}"):
        environment.load(IngestSettings, {"TRACKFOLD_INGEST__SECRETS__EASYPSOT": "hush"})


@pytest.mark.parametrize("secret", ["not base64!", "whsec_"])
def test_a_secret_that_cannot_be_one_is_an_error_that_does_not_quote_it(secret: str) -> None:
    section = environment.load(IngestSettings, {"TRACKFOLD_INGEST__SECRETS__STANDARD": secret}).ingest
    with pytest.raises(Misconfigured, match="TRACKFOLD_INGEST__SECRETS__STANDARD") as caught:
        signing_keys(section)
    assert secret not in str(caught.value)


def test_a_secret_is_never_shown() -> None:
    settings = environment.load(IngestSettings, {NAME: "canary-secret"})
    assert "canary-secret" not in repr(settings) + str(settings.model_dump()) + settings.model_dump_json()


def test_kafka_must_answer_soon_enough_for_a_503_within_five_seconds() -> None:
    with pytest.raises(Misconfigured, match="KAFKA_TIMEOUT_S"):
        environment.load(IngestSettings, {"TRACKFOLD_INGEST__KAFKA_TIMEOUT_S": "4.5"})
