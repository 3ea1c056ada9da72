"""AfterShip's Tracking API: numbers registered one by one, read fifty at a time, five requests a second.

The key in the header `as-api-key`. A number that is registered already is a 400 with `meta.code` 4003: registered. A
courier that we do not know AfterShip's slug of is left to its detection, which the account must allow.

Not ended: *mark as completed* wants a reason (delivered, lost, returned) and would come back to us as news, and a
tracking that is done costs nothing; deleting it would lose what it tells later.

Confirmed by their documentation: paths, fifty numbers a list, the error codes, five requests a second to the slowest of
these endpoints (creating takes 20). Not confirmed: that 2026-07, the version of the newest webhooks, answers alike;
another version is another base URL (`API_URLS__AFTERSHIP`).
"""

import re
from collections.abc import Sequence
from typing import Final

from services.ingest.apis.answers import (
    CREATED,
    NOT_REGISTERED,
    OK,
    about_request,
    answered,
    error_document,
    number_of,
    reference_of,
    taken_for,
)
from services.ingest.apis.base import (
    Api,
    Client,
    Rate,
    ReadResult,
    Refused,
    Registered,
    RegisterResult,
    Reply,
    Subject,
    Traits,
    Trouble,
)
from services.ingest.apis.carrier_codes import AFTERSHIP as CODES
from services.ingest.carriers.documents import child, rows, text

_TRACKINGS: Final = "/trackings"
_EXISTS: Final = "code_4003"
_META_CODE: Final = re.compile(r"[0-9]{3,5}")
_A_LIST: Final = "200"
"""Trackings in one answer: one number may be several couriers'."""


class AfterShipApi(Api):
    """See the module."""

    traits = Traits(
        provider="aftership",
        base_url="https://api.aftership.com/tracking/2026-07",
        rate=Rate(5, per_s=1),
        reads=50,
        registers=1,
    )

    async def read(self, client: Client, subjects: Sequence[Subject]) -> Sequence[ReadResult]:
        """Ask for up to fifty numbers; one that is missing in the list is not registered."""
        numbers = ",".join(one.number for one in subjects)
        reply = await client.call(
            "GET", _TRACKINGS, params={"tracking_numbers": numbers, "limit": _A_LIST}, headers=_headers(client)
        )
        if reply.status != OK:
            return about_request(reply, subjects, _code(reply))
        data = child(reply.json(), "data")
        if not isinstance(data.get("trackings"), list):
            raise Trouble("no_results")
        told = {number for row in rows(data, "trackings") if (number := number_of(row, "tracking_number"))}
        unknown = [Refused(one.key, NOT_REGISTERED) for one in subjects if one.number not in told]
        return [*answered(subjects, told, reply.body), *unknown]

    async def register(self, client: Client, subjects: Sequence[Subject]) -> Sequence[RegisterResult]:
        """Create one tracking."""
        (one,) = subjects
        tracking = {"tracking_number": one.number}
        if one.carrier in CODES:
            tracking["slug"] = CODES[one.carrier]
        reply = await client.call("POST", _TRACKINGS, json=tracking, headers=_headers(client))
        if reply.status not in (OK, CREATED) and _code(reply) != _EXISTS:
            return about_request(reply, subjects, _code(reply))
        data = child(reply.json(), "data")
        made = child(data, "tracking") or data
        why = None if one.carrier in CODES else taken_for(one, text(made, "slug"), "aftership")
        return [Registered(one.key, reference_of(made, "id")) if why is None else Refused(one.key, why)]


def _headers(client: Client) -> dict[str, str]:
    return {"as-api-key": client.credentials.key}


def _code(reply: Reply) -> str:
    """Return `meta.code`, as in 4012 (the courier is not known)."""
    code = text(child(error_document(reply), "meta"), "code") or ""
    return f"code_{code}" if _META_CODE.fullmatch(code) else f"http_{reply.status}"


AFTERSHIP: Final = AfterShipApi()
