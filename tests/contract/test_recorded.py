"""Captured payloads, given by `--recorded DIR`: each says what is written beside it, and its signature fits."""

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from schemas.scans import Scan
from services.ingest.carriers.base import Carrier, Request, Webhook, read
from services.ingest.carriers.registry import CARRIERS
from tests.unit.ingest.samples import TOLD_AT

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


def _kept(carrier: Carrier, headers: dict[str, str]) -> dict[str, str]:
    sent = {name.lower(): value for name, value in headers.items()}
    return {name: sent[name] for name in carrier.kept_headers if name in sent}


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
    carrier = CARRIERS[meta["provider"]]
    kept = _kept(carrier, meta.get("headers", {}))
    reading = read(carrier, Webhook(body=body, told_at=TOLD_AT, headers=kept, allow_test=True))
    assert reading.problems == ()
    scans = [scan for scan in reading.scans if scan.kind == "scan"]
    assert _unexpected(scans, sorted(meta["expected"], key=lambda one: _instant(one["time"]))) == []
    for number, canonical in meta["expected_current"].items():
        summaries = [scan for scan in reading.scans if scan.kind == "summary" and scan.number == number]
        assert any(CANONICAL[canonical](scan) for scan in summaries or scans[-1:])


def _unexpected(scans: Sequence[Scan], expected: Sequence[dict[str, Any]]) -> list[str]:
    """Return what is wrong, each expected scan beside the one that fits it best: of one instant in any order."""
    left, wrong = list(scans), []
    for one in expected:
        best = min(left, key=lambda scan: (len(_mistakes(scan, one)), scans.index(scan)), default=None)
        if best is None:
            wrong.append(f"missing: {one}")
            continue
        left.remove(best)
        wrong += _mistakes(best, one)
    return wrong + [f"not expected: {scan}" for scan in left]


def _instant(told: str | int) -> datetime:
    """Return an expected time; one without a zone stands at UTC, for the order alone."""
    if isinstance(told, int):
        return datetime.fromtimestamp(told / 1000, UTC)
    at = datetime.fromisoformat(told)
    return at if at.tzinfo is not None else at.replace(tzinfo=UTC)


def _is_at(scan: Scan, told: str | int) -> bool:
    """Tell whether a scan stands at an expected time: its instant, or its wall clock where no zone was told."""
    at = scan.occurred_at
    naive = isinstance(told, str) and datetime.fromisoformat(told).tzinfo is None
    return (at.replace(tzinfo=UTC) if naive else at) == _instant(told)


def _mistakes(scan: Scan, expected: dict[str, Any]) -> list[str]:
    allowed = [expected["canonical_status"], *expected.get("acceptable", [])]
    raw_code = "/".join(part for part in expected["raw_code"].split("/") if part != "None")
    found = {
        "number": scan.number == expected["tracking_number"],
        "time": _is_at(scan, expected["time"]),
        "time kind": scan.time_kind in TIME_KINDS[expected["time_kind"]],
        "code": (scan.raw_code or "").rstrip("/") == raw_code.rstrip("/"),
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
    again = json.dumps(json.loads(body), indent=1).encode()
    assert not carrier.verify(replace(request, body=again), [key], now=sent_at), "the same document in other bytes"
    if "webhook-timestamp" in meta["headers"]:
        assert not carrier.verify(request, [key], now=sent_at + timedelta(minutes=6))
