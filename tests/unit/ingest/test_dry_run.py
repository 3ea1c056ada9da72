"""`?dry_run=1`: what would happen and why, for an operator alone, and without keeping anything."""

from typing import Any

import httpx2
import pytest
from pydantic import SecretStr

from services.ingest.http import Webhooks, make_app
from services.ingest.settings import IngestSection
from services.runtime.errors import Misconfigured
from tests.unit.ingest.samples import TOLD_AT, body_of, signed
from tests.unit.ingest.test_http import BODY, EASYPOST, KEY, Kept

TOKEN = "an-operator-of-ours"
OPERATOR = {"Authorization": f"Bearer {TOKEN}"}


async def ask(
    body: bytes = BODY, *, headers: dict[str, str] | None = None, key: bytes = KEY, query: str = "dry_run=1"
) -> tuple[httpx2.Response, Kept]:
    intake = Kept()
    section = IngestSection(operator_tokens=(SecretStr(TOKEN), SecretStr("the-next-operator")))
    transport = httpx2.ASGITransport(make_app(Webhooks(intake, section, now=lambda: TOLD_AT)))
    sent = {name.decode(): value.decode() for name, value in signed(EASYPOST, body, key).headers}
    async with httpx2.AsyncClient(transport=transport, base_url="http://ingest") as http:
        answer = await http.post(f"/webhooks/easypost?{query}", content=body, headers=sent | (headers or {}))
    return answer, intake


async def test_a_dry_run_says_what_would_be_read_and_published_and_keeps_nothing() -> None:
    answer, intake = await ask(headers=OPERATOR)
    said: dict[str, Any] = answer.json()
    assert (answer.status_code, said["status"], said["authentic"]) == (200, 202, True)
    assert said["why"] == "it would be kept, and 2 records published"
    assert [one["topic"] for one in said["would_publish"]] == ["carrier.scans.v1"] * 2
    assert said["reading"]["current"][0]["stage"] == "announced"
    assert intake.requests == []


async def test_an_operator_s_token_has_a_header_of_its_own_where_authorization_is_the_provider_s() -> None:
    answer, _ = await ask(headers={"Authorization": "Bearer of the provider", "X-Trackfold-Operator": TOKEN})
    assert (answer.status_code, answer.json()["authentic"]) == (200, True)
    answer, _ = await ask(headers={**OPERATOR, "X-Trackfold-Operator": "wrong"})
    assert answer.status_code == 401


async def test_a_signature_that_does_not_fit_is_said_and_nothing_would_be_published() -> None:
    answer, intake = await ask(headers=OPERATOR, key=b"another key")
    said = answer.json()
    assert (answer.status_code, said["status"], said["authentic"], said["would_publish"]) == (200, 401, False, [])
    assert "fits none of the secrets" in said["why"]
    assert intake.requests == []


async def test_what_would_be_ignored_or_set_aside_is_said() -> None:
    ignored, _ = await ask(body_of("easypost/batch_event_is_ignored"), headers=OPERATOR)
    assert ignored.json()["why"] == "it would be kept and ignored: not_a_tracker"
    garbage, _ = await ask(b"{", headers=OPERATOR)
    assert "dead letter" in garbage.json()["why"]
    assert [one["topic"] for one in garbage.json()["would_publish"]] == ["dead-letters.v1"]


@pytest.mark.parametrize("authorization", [None, "Bearer ", "Bearer wrong", f"Basic {TOKEN}", TOKEN])
async def test_whoever_is_no_operator_gets_no_dry_run_and_nothing_is_kept(authorization: str | None) -> None:
    answer, intake = await ask(headers={} if authorization is None else {"Authorization": authorization})
    assert (answer.status_code, intake.requests) == (401, [])
    assert "TRACKFOLD_INGEST__OPERATOR_TOKENS" in answer.json()["detail"]
    assert TOKEN not in answer.text


@pytest.mark.parametrize("query", ["dry_run=0", "dry_run=1&dry_run=0", "dryrun=1", ""])
async def test_what_asks_for_no_dry_run_is_a_webhook_like_any_other(query: str) -> None:
    answer, intake = await ask(headers=OPERATOR, query=query)
    assert (answer.status_code, len(intake.requests)) == (202, 1)


def test_a_short_operators_token_is_refused_at_the_start() -> None:
    with pytest.raises(Misconfigured, match="at least 16"):
        IngestSection(operator_tokens=(SecretStr("short"),)).check()
