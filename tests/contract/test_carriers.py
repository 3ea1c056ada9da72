"""Every provider, one suite: fixture pairs, recorded payloads, signatures, and what no provider's file may do."""

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from schemas.scans import SCAN, Scan
from services.ingest.carriers.base import Carrier, Request, Webhook, read
from services.ingest.carriers.registry import CARRIERS
from services.ingest.carriers.signatures import NO_KEY
from services.ingest.normalise import normalise
from services.ingest.settings import IngestSection
from services.runtime.kafka import Record
from tests.unit.ingest.samples import SECRETS, signed, webhook_record

FIXTURES = Path(__file__).parent.parent / "fixtures" / "carriers"
TOLD_AT = datetime(2026, 11, 21, 10, 0, 5, tzinfo=UTC)


def fixture_cases() -> list[Any]:
    paths = sorted(path for path in FIXTURES.glob("*/*.json") if not path.name.endswith(".expected.json"))
    return [pytest.param(path, id=f"{path.parent.name}/{path.stem}") for path in paths]


def providers() -> list[Any]:
    return [pytest.param(carrier, id=name) for name, carrier in CARRIERS.items()]


@pytest.mark.parametrize("path", fixture_cases())
def test_a_body_says_exactly_what_is_written_beside_it(path: Path) -> None:
    reading = read(CARRIERS[path.parent.name], Webhook(body=path.read_bytes(), told_at=TOLD_AT))
    said = {
        "ignored": reading.ignored,
        "problems": [[problem.reason, problem.detail] for problem in reading.problems],
        "scans": [scan.model_dump(mode="json", exclude_none=True) for scan in reading.scans],
    }
    beside = path.with_suffix(".expected.json")
    assert beside.exists(), f"judge this, and write what is right to {beside.name}:\n{json.dumps(said, indent=2)}"
    assert said == json.loads(beside.read_text("utf-8"))


@pytest.mark.parametrize("path", fixture_cases())
def test_what_leaves_ingest_is_the_contract_and_the_same_at_every_reading(path: Path) -> None:
    record = webhook_record(path.parent.name, path.read_bytes())
    first, second = normalise(record, allow_test=False), normalise(record, allow_test=False)
    assert first == second
    for one in first.outgoing:
        if one.topic == "carrier.scans.v1":
            scan = SCAN.validate_json(one.value)
            assert one.key.decode() == scan.key
            assert (scan.map_version, scan.told_at) == (CARRIERS[scan.provider].map_version, TOLD_AT)


@pytest.mark.parametrize("path", fixture_cases())
def test_scans_stand_oldest_first_before_what_is_said_of_the_whole_parcel(path: Path) -> None:
    scans = read(CARRIERS[path.parent.name], Webhook(body=path.read_bytes(), told_at=TOLD_AT)).scans
    kinds = [scan.kind for scan in scans]
    assert kinds == sorted(kinds, key=["scan", "summary", "estimate"].index)
    times = [scan.occurred_at for scan in scans if scan.kind == "scan"]
    assert times == sorted(times)


@pytest.mark.parametrize("carrier", providers())
def test_every_provider_has_fixtures_garbage_among_them(carrier: Carrier) -> None:
    folder = FIXTURES / carrier.provider
    cases = [path.stem for path in folder.glob("*.json") if not path.name.endswith(".expected.json")]
    wanted = f"write case.json in {folder.relative_to(FIXTURES.parents[2])}"
    assert len(cases) >= 3, f"{wanted}: at least three"
    assert any(name.startswith("garbage") for name in cases), f"{wanted}: one of them garbage_....json"


@pytest.mark.parametrize("carrier", providers())
def test_what_a_provider_signs_it_accepts_and_nothing_else(carrier: Carrier) -> None:
    keys = [carrier.secret_key(secret) for secret in SECRETS[carrier.provider]]
    request = signed(carrier, b'{"some":"body"}', keys[0], at=TOLD_AT)
    assert carrier.verify(request, keys, now=TOLD_AT)
    assert carrier.verify(request, list(reversed(keys)), now=TOLD_AT)
    assert not carrier.verify(replace(request, body=b'{"some": "body"}'), keys, now=TOLD_AT)
    assert not carrier.verify(request, keys[1:], now=TOLD_AT)
    assert not carrier.verify(request, [], now=TOLD_AT)
    assert not carrier.verify(replace(request, headers=()), keys, now=TOLD_AT)


@pytest.mark.parametrize("carrier", providers())
def test_a_signature_under_no_secret_at_all_is_refused(carrier: Carrier) -> None:
    assert not carrier.verify(signed(carrier, b"{}", NO_KEY, at=TOLD_AT), [], now=TOLD_AT)


@pytest.mark.parametrize("carrier", providers())
def test_a_repeated_signature_header_is_refused(carrier: Carrier) -> None:
    key = carrier.secret_key(SECRETS[carrier.provider][0])
    request = signed(carrier, b"{}", key, at=TOLD_AT)
    doubled = tuple(pair for pair in request.headers for _ in range(2))
    assert not carrier.verify(replace(request, headers=doubled), [key], now=TOLD_AT)


@pytest.mark.parametrize("carrier", providers())
@pytest.mark.parametrize("secret", ["", " "])
def test_an_empty_secret_is_no_secret(carrier: Carrier, secret: str) -> None:
    with pytest.raises(ValueError, match="secret"):
        carrier.secret_key(secret.strip())


@pytest.mark.parametrize("carrier", providers())
def test_a_provider_can_be_set_up_with_settings_alone(carrier: Carrier) -> None:
    section = IngestSection.model_validate({"secrets": {carrier.provider: ["x"]}})
    assert set(section.secrets) == {carrier.provider}


# --- recorded payloads -----------------------------------------------------------------------------------------------

#: The words of the recordings -> what a scan of ours says.
CANONICAL: dict[str, Callable[[Scan], bool]] = {
    "pre_transit": lambda scan: scan.stage == "announced",
    "picked_up": lambda scan: scan.stage == "accepted",
    "in_transit": lambda scan: scan.stage == "in_transit",
    "out_for_delivery": lambda scan: scan.stage == "out_for_delivery",
    "available_for_pickup": lambda scan: scan.stage == "available_for_pickup",
    "attempted": lambda scan: scan.stage == "attempted",
    "delivered": lambda scan: scan.stage == "delivered" and scan.leg == "outbound",
    "customs": lambda scan: scan.stage == "in_transit" and _says_customs(scan),
    "returning": lambda scan: scan.leg == "return" and scan.stage != "returned",
    "returned": lambda scan: scan.stage == "returned",
    "lost": lambda scan: scan.stage == "lost",
    "cancelled": lambda scan: scan.stage == "cancelled",
    "damaged": lambda scan: scan.stage is None and "damaged" in scan.conditions_set,
    "expired": lambda scan: scan.stage is None and "expired_tracking" in scan.conditions_set,
    "exception": lambda scan: scan.stage is None and bool(scan.conditions_set),
    "unknown": lambda scan: scan.stage is None and scan.substatus in ("unmapped", "informational"),
}
TIME_KINDS = {
    "utc_z": {"utc"}, "utc_z_claimed": {"utc"}, "utc_given": {"utc"}, "gmt_fields": {"utc"}, "epoch_s": {"utc"},
    "epoch_ms": {"utc"}, "offset": {"offset"}, "local_with_zone_abbrev": {"offset"},
    "local_naive": {"assumed_zone", "unknown_zone"},
}  # fmt: skip


def _says_customs(scan: Scan) -> bool:
    words = [scan.substatus or "", *scan.conditions_set, *scan.conditions_cleared]
    return any(word.startswith("customs") for word in words)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "recorded" in metafunc.fixturenames:
        folders: list[Path] = metafunc.config.getoption("--recorded")
        metas = sorted(path for folder in folders for path in folder.glob("*/*.meta.json"))
        wanted = _has_secret if "signature" in metafunc.function.__name__ else _has_body
        none = pytest.param(None, marks=pytest.mark.skip(reason="no recordings were given: --recorded DIR"), id="none")
        metafunc.parametrize("recorded", [_case(path) for path in metas if wanted(_load(path))] or [none])


def _load(path: Path) -> dict[str, Any]:
    described: dict[str, Any] = json.loads(path.read_text("utf-8"))
    return described


def _has_secret(meta: dict[str, Any]) -> bool:
    return bool(meta.get("signature", {}).get("secret"))


def _has_body(meta: dict[str, Any]) -> bool:
    return bool(meta["kind"] != "signature_vector")


def _case(path: Path) -> Any:
    """Return one recording; those of providers that nobody has built are listed as not run."""
    provider = _load(path)["provider"]
    reason = f"the provider {provider} is not built yet"
    marks = () if provider in (*CARRIERS, "standardwebhooks") else (pytest.mark.skip(reason=reason),)
    return pytest.param(path, marks=marks, id=f"{path.parent.name}/{path.name.removesuffix('.meta.json')}")


def test_a_recorded_body_says_what_was_expected_of_it(recorded: Path) -> None:
    meta = _load(recorded)
    body = (recorded.parent / meta["file"]).read_bytes()
    reading = read(CARRIERS[meta["provider"]], Webhook(body=body, told_at=TOLD_AT, allow_test=True))
    assert reading.problems == ()
    scans = [scan for scan in reading.scans if scan.kind == "scan"]
    expected = sorted(meta["expected"], key=lambda one: datetime.fromisoformat(one["time"]))
    assert [_mistakes(scan, one) for scan, one in zip(scans, expected, strict=True)] == [[]] * len(expected)
    for number, canonical in meta["expected_current"].items():
        summaries = [scan for scan in reading.scans if scan.kind == "summary" and scan.number == number]
        assert any(CANONICAL[canonical](scan) for scan in summaries or reading.scans[-1:])


def _mistakes(scan: Scan, expected: dict[str, Any]) -> list[str]:
    allowed = [expected["canonical_status"], *expected.get("acceptable", [])]
    raw_code = "/".join(part for part in expected["raw_code"].split("/") if part != "None")
    found = {
        "number": scan.number == expected["tracking_number"],
        "time": scan.occurred_at == datetime.fromisoformat(expected["time"]),
        "time kind": scan.time_kind in TIME_KINDS[expected["time_kind"]],
        "code": scan.raw_code == raw_code,
        "status": any(CANONICAL[word](scan) for word in allowed),
        "text": (scan.description or "") == expected["raw_message"].strip(),
    }
    return [f"{name}: {scan}" for name, right in found.items() if not right]


def test_a_recorded_signature_fits_the_very_bytes(recorded: Path) -> None:
    meta = _load(recorded)
    carrier = CARRIERS["standard" if meta["provider"] == "standardwebhooks" else meta["provider"]]
    body = (recorded.parent / meta["file"]).read_bytes()
    headers = tuple((name.lower().encode(), value.encode()) for name, value in meta["headers"].items())
    request = Request(method="POST", path="/", headers=headers, body=body)
    sent_at = datetime.fromtimestamp(int(meta["headers"].get("webhook-timestamp", "0")), UTC)
    key = carrier.secret_key(meta["signature"]["secret"])
    assert carrier.verify(request, [key], now=sent_at)
    assert not carrier.verify(replace(request, body=body + b"\n"), [key], now=sent_at)
    assert not carrier.verify(
        replace(request, body=body.replace(b": ", b":").replace(b"614.4", b"614")), [key], now=sent_at
    )
    if "webhook-timestamp" in meta["headers"]:
        assert not carrier.verify(request, [key], now=sent_at + timedelta(minutes=6))


def test_a_record_without_our_headers_is_a_dead_letter_with_its_bytes() -> None:
    record = Record("carrier.webhooks.v1", 2, 17, 1_795_000_000_000, None, b"bytes", (("reply_to", b"elsewhere"),))
    (letter,) = normalise(record, allow_test=False).outgoing
    assert (letter.topic, letter.key) == ("dead-letters.v1", b"carrier.webhooks.v1/2/17")
    assert json.loads(letter.value)["value_base64"] == "Ynl0ZXM="
