"""Every provider, one suite: fixture pairs, recorded payloads, signatures, and what no provider's file may do."""

import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from schemas.order_events import ORDER_EVENT
from schemas.scans import SCAN
from schemas.topics import TOPICS
from services.ingest.carriers.base import LARGEST_BODY_BYTES, Carrier, Pulled, Reading, read
from services.ingest.carriers.registry import CARRIERS, WEBHOOK_CARRIERS
from services.ingest.carriers.signatures import NO_KEY
from services.ingest.normalise import normalise
from services.ingest.settings import IngestSection
from services.runtime.kafka import Record
from tests.unit.ingest.samples import (
    FIXTURES,
    SECRETS,
    TOLD_AT,
    fixture_paths,
    headers_of,
    signed,
    webhook_of,
    webhook_record,
)

PAGES = Path(__file__).parents[2] / "docs" / "carriers"


def fixture_cases() -> list[Any]:
    return [pytest.param(path, id=f"{path.parent.name}/{path.stem}") for path in fixture_paths()]


def providers() -> list[Any]:
    return [pytest.param(carrier, id=name) for name, carrier in CARRIERS.items()]


def signers() -> list[Any]:
    return [pytest.param(carrier, id=name) for name, carrier in WEBHOOK_CARRIERS.items()]


@pytest.mark.parametrize("path", fixture_cases())
def test_a_body_says_exactly_what_is_written_beside_it(path: Path) -> None:
    reading = read(CARRIERS[path.parent.name], webhook_of(path))
    said = {
        "ignored": reading.ignored,
        "problems": [[problem.reason, problem.detail] for problem in reading.problems],
        "scans": [scan.model_dump(mode="json", exclude_none=True) for scan in reading.scans],
    } | _orders(reading)
    beside = path.with_suffix(".expected.json")
    assert beside.exists(), f"judge this, and write what is right to {beside.name}:\n{json.dumps(said, indent=2)}"
    assert said == json.loads(beside.read_text("utf-8"))


def _orders(reading: Reading) -> dict[str, Any]:
    told = [
        {"source": one.source, "id": one.id, **one.event.model_dump(mode="json", exclude_none=True)}
        for one in reading.orders
    ]
    return {"orders": told} if told else {}


@pytest.mark.parametrize("path", fixture_cases())
def test_what_leaves_ingest_is_the_contract_and_the_same_at_every_reading(path: Path) -> None:
    record = webhook_record(path.parent.name, path.read_bytes(), kept=headers_of(path))
    first, second = normalise(record, allow_test=False), normalise(record, allow_test=False)
    assert first == second
    for one in first.outgoing:
        if one.topic == "carrier.scans.v1":
            scan = SCAN.validate_json(one.value)
            assert one.key.decode() == scan.key
            assert (scan.map_version, scan.told_at) == (CARRIERS[scan.provider].map_version, TOLD_AT)
        if one.topic == "order.events.v1":
            assert one.key.decode() == ORDER_EVENT.validate_json(one.value).key


@pytest.mark.parametrize("path", fixture_cases())
def test_scans_stand_oldest_first_before_what_is_said_of_the_whole_parcel(path: Path) -> None:
    scans = read(CARRIERS[path.parent.name], webhook_of(path)).scans
    kinds = [scan.kind for scan in scans]
    assert kinds == sorted(kinds, key=["scan", "summary", "estimate"].index)
    times = [scan.occurred_at for scan in scans if scan.kind == "scan"]
    assert times == sorted(times)


@pytest.mark.parametrize("carrier", providers())
def test_every_provider_has_fixtures_garbage_among_them(carrier: Carrier) -> None:
    cases = [path.stem for path in fixture_paths(carrier.provider)]
    wanted = f"write case.json in {(FIXTURES / carrier.provider).relative_to(FIXTURES.parents[2])}"
    assert len(cases) >= 5, f"{wanted}: at least five"
    assert any(name.startswith("garbage") for name in cases), f"{wanted}: one of them garbage_....json"


@pytest.mark.parametrize("carrier", providers())
def test_no_provider_takes_a_body_that_kafka_would_refuse(carrier: Carrier) -> None:
    assert carrier.max_body_bytes <= LARGEST_BODY_BYTES < TOPICS["carrier.webhooks.v1"].max_message_bytes


@pytest.mark.parametrize("carrier", providers())
def test_every_provider_says_how_the_identity_of_its_scans_is_made(carrier: Carrier) -> None:
    said = sys.modules[type(carrier).__module__].__doc__ or ""
    assert "\nIdentity: " in said, "the docstring of the file has a paragraph `Identity: ...` (rule R1)"


@pytest.mark.parametrize("carrier", providers())
def test_every_provider_has_a_page(carrier: Carrier) -> None:
    page = PAGES / f"{carrier.provider}.md"
    assert page.exists(), f"write docs/carriers/{page.name}: set-up on their side, secrets, limits"


@pytest.mark.parametrize("carrier", providers())
def test_whoever_takes_webhooks_can_check_them_and_no_other_has_an_address(carrier: Carrier) -> None:
    assert (carrier.provider in WEBHOOK_CARRIERS) is not isinstance(carrier, Pulled)


@pytest.mark.parametrize("carrier", signers())
def test_what_a_provider_signs_it_accepts_and_nothing_else(carrier: Carrier) -> None:
    keys = [carrier.secret_key(secret) for secret in SECRETS[carrier.provider]]
    request = signed(carrier, b'{"some":"body"}', keys[0], at=TOLD_AT)
    assert carrier.verify(request, keys, now=TOLD_AT)
    assert carrier.verify(request, list(reversed(keys)), now=TOLD_AT)
    # Whoever does not sign the body sends a secret along with it: what is told so is a hint, checked by the API.
    assert carrier.verify(replace(request, body=b'{"some": "body"}'), keys, now=TOLD_AT) is not carrier.signs_the_body
    assert not carrier.verify(request, keys[1:], now=TOLD_AT)
    assert not carrier.verify(request, [], now=TOLD_AT)
    assert not carrier.verify(replace(request, headers=()), keys, now=TOLD_AT)


@pytest.mark.parametrize("carrier", signers())
def test_a_signature_under_no_secret_at_all_is_refused(carrier: Carrier) -> None:
    assert not carrier.verify(signed(carrier, b"{}", NO_KEY, at=TOLD_AT), [], now=TOLD_AT)


@pytest.mark.parametrize("carrier", signers())
def test_a_repeated_signature_header_is_refused(carrier: Carrier) -> None:
    key = carrier.secret_key(SECRETS[carrier.provider][0])
    request = signed(carrier, b"{}", key, at=TOLD_AT)
    doubled = tuple(pair for pair in request.headers for _ in range(2))
    assert not carrier.verify(replace(request, headers=doubled), [key], now=TOLD_AT)


@pytest.mark.parametrize("carrier", signers())
@pytest.mark.parametrize("secret", ["", " "])
def test_an_empty_secret_is_no_secret(carrier: Carrier, secret: str) -> None:
    with pytest.raises(ValueError, match="secret"):
        carrier.secret_key(secret.strip())


@pytest.mark.parametrize("carrier", signers())
def test_a_provider_can_be_set_up_with_settings_alone(carrier: Carrier) -> None:
    section = IngestSection.model_validate({"secrets": {carrier.provider: ["x"]}})
    assert set(section.secrets) == {carrier.provider}


def test_a_record_without_our_headers_is_a_dead_letter_with_its_bytes() -> None:
    record = Record("carrier.webhooks.v1", 2, 17, 1_795_000_000_000, None, b"bytes", (("reply_to", b"elsewhere"),))
    (letter,) = normalise(record, allow_test=False).outgoing
    assert (letter.topic, letter.key) == ("dead-letters.v1", b"carrier.webhooks.v1/2/17")
    assert json.loads(letter.value)["value_base64"] == "Ynl0ZXM="
