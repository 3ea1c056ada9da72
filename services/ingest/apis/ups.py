"""UPS: Track Alert subscriptions, a hundred numbers a request, and the Track API, one number a request.

OAuth client credentials by Basic (`/security/v1/oauth/token`). A subscription ends after 14 days and has no history, so
it is renewed after 13. It names our URL and the credential that UPS shows there (v1): the first secret configured for
`ups`. Without one UPS's messages would be refused, so nothing is subscribed. Where UPS keeps the credential itself
(v2), it is the one sent here that does not count. Subscribing again is what renewing is.

The Track API answers a number that it does not know with a 404, or with a 200 that holds warnings only.

Confirmed by UPS's OpenAPI documents: paths, headers (`transId` must be unique), the body, a hundred numbers, 14 days,
`validTrackingNumbers` and `invalidTrackingNumbers`, also in a 400. From their samples: 1R numbers. Not confirmed: the
rate, which UPS does not publish (two a second is our own choice), and Retry-After.
"""

import re
from collections.abc import Sequence
from datetime import timedelta
from typing import Final
from uuid import uuid4

from services.ingest.apis.answers import OK, about_request, code_of, error_document, in_path, number_of
from services.ingest.apis.base import (
    Answer,
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
from services.ingest.apis.oauth import bearer
from services.ingest.carriers.documents import child, rows

_OAUTH: Final = "/security/v1/oauth/token"
_SUBSCRIBE: Final = "/api/track/v1/subscription/standard/package"
_DETAILS: Final = "/api/track/v1/details"
#: Track Alert's numbers; UPS has others (freight, mail), which it refuses here.
_SUBSCRIBABLE: Final = re.compile(r"1Z[0-9A-Z]{16}|1R[0-9A-Z]{14}(?:[0-9A-Z]{12})?")


class UpsApi(Api):
    """See the module."""

    traits = Traits(
        provider="ups",
        base_url="https://onlinetools.ups.com",
        rate=Rate(2, per_s=1),
        reads=1,
        registers=100,
        carriers=frozenset({"ups"}),
        renew_after=timedelta(days=13),
        needs=("key", "secret"),
    )

    async def read(self, client: Client, subjects: Sequence[Subject]) -> Sequence[ReadResult]:
        """Ask for one number."""
        (one,) = subjects
        reply = await client.call("GET", f"{_DETAILS}/{in_path(one.number)}", headers=await _headers(client))
        if reply.status != OK:
            return about_request(reply, subjects, _code(reply))
        shipments = rows(child(reply.json(), "trackResponse"), "shipment")
        if not shipments:
            raise Trouble("no_results")
        if any(rows(one, "package") for one in shipments):
            return [Answer((one.key,), reply.body)]
        warnings = [warning for shipment in shipments for warning in rows(shipment, "warnings")]
        return [Refused(one.key, code_of(warnings[0] if warnings else None, "code", otherwise="not_found"))]

    async def register(self, client: Client, subjects: Sequence[Subject]) -> Sequence[RegisterResult]:
        """Subscribe up to a hundred numbers, or renew them."""
        if not client.callback.secret:
            return [Refused(one.key, "no_secret_for_webhooks") for one in subjects]
        fit = [one for one in subjects if _SUBSCRIBABLE.fullmatch(one.number)]
        unfit = [Refused(one.key, "not_a_1z_number") for one in subjects if one not in fit]
        return [*(await _subscribe(client, fit) if fit else ()), *unfit]


async def _subscribe(client: Client, subjects: Sequence[Subject]) -> Sequence[RegisterResult]:
    callback = client.callback
    body = {
        "locale": "en_US",
        "countryCode": "US",
        "trackingNumberList": [one.number for one in subjects],
        "destination": {"url": callback.url, "credentialType": "Bearer", "credential": callback.secret},
    }
    reply = await client.call("POST", _SUBSCRIBE, json=body, headers=await _headers(client))
    valid, invalid = _numbers(reply, "validTrackingNumbers"), _numbers(reply, "invalidTrackingNumbers")
    if reply.status != OK and not invalid:
        return about_request(reply, subjects, _code(reply))
    if not valid | invalid:
        raise Trouble("no_results")
    registered = [Registered(one.key) for one in subjects if one.number in valid]
    return [
        *registered,
        *(Refused(one.key, _code(reply, "invalid")) for one in subjects if one.number in invalid - valid),
    ]


async def _headers(client: Client) -> dict[str, str]:
    own = client.credentials
    token = await bearer(client, _OAUTH, form={"grant_type": "client_credentials"}, basic=(own.key, own.secret))
    return {**token, "transId": uuid4().hex, "transactionSrc": "trackfold"}


def _numbers(reply: Reply, name: str) -> set[str]:
    return {number for row in rows(error_document(reply), name) if (number := number_of({name: row}, name))}


def _code(reply: Reply, otherwise: str | None = None) -> str:
    """Return the first error's code, as in VSS210 or TV1002."""
    errors = rows(child(error_document(reply), "response"), "errors")
    return code_of(errors[0] if errors else None, "code", otherwise=otherwise or f"http_{reply.status}")


UPS: Final = UpsApi()
