"""ShipEngine (ShipStation API): one number a request, 200 requests a minute (20 in their sandbox).

The key in the header `API-Key`. `POST /v1/tracking/start` registers a number of a carrier that is connected to the
account and answers 204; `stop` ends it. ShipEngine ends by itself what is delivered or has an exception, so that a
parcel with an exception falls silent: the poller reads it then.

Confirmed by their documentation: paths, parameters, 204, the error document with `error_code`, 200 a minute and
Retry-After. Not confirmed: that starting twice is harmless (a conflict counts as registered), and whether the answer of
`GET /v1/tracking` always names the carrier; where it does not, the number must tell it.
"""

from collections.abc import Sequence
from typing import Final

from services.ingest.apis.answers import (
    NO_CODE,
    NO_CONTENT,
    OK,
    about_request,
    code_of,
    error_document,
    number_of,
)
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
from services.ingest.apis.carrier_codes import SHIPENGINE as CODES
from services.ingest.carriers.documents import rows

_TRACKING: Final = "/v1/tracking"
_CONFLICT: Final = 409


class ShipEngineApi(Api):
    """See the module."""

    traits = Traits(
        provider="shipengine",
        base_url="https://api.shipengine.com",
        rate=Rate(200, per_s=60),
        reads=1,
        registers=1,
        ends=1,
    )

    async def read(self, client: Client, subjects: Sequence[Subject]) -> Sequence[ReadResult]:
        """Ask for one number of one carrier."""
        (one,) = subjects
        if one.carrier not in CODES:
            return [Refused(one.key, NO_CODE)]
        reply = await _call(client, "GET", _TRACKING, one)
        if reply.status != OK:
            return about_request(reply, subjects, _code(reply))
        if number_of(reply.json(), "tracking_number") != one.number:
            raise Trouble("no_results")
        return [Answer((one.key,), reply.body)]

    async def register(self, client: Client, subjects: Sequence[Subject]) -> Sequence[RegisterResult]:
        """Start one number."""
        (one,) = subjects
        if one.carrier not in CODES:
            return [Refused(one.key, NO_CODE)]
        reply = await _call(client, "POST", f"{_TRACKING}/start", one)
        if reply.status in (OK, NO_CONTENT, _CONFLICT):
            return [Registered(one.key)]
        return about_request(reply, subjects, _code(reply))

    async def end(self, client: Client, subjects: Sequence[Subject]) -> None:
        """Stop one number. Whatever 4xx comes back, it is ended: ShipEngine stops what is delivered by itself."""
        (one,) = subjects
        if one.carrier in CODES:
            await _call(client, "POST", f"{_TRACKING}/stop", one)


async def _call(client: Client, method: str, path: str, one: Subject) -> Reply:
    params = {"carrier_code": CODES[one.carrier], "tracking_number": one.number}
    return await client.call(method, path, params=params, headers={"api-key": client.credentials.key})


def _code(reply: Reply) -> str:
    """Return the first error's code, as in carrier_not_connected."""
    errors = rows(error_document(reply), "errors")
    return code_of(errors[0] if errors else None, "error_code", otherwise=f"http_{reply.status}")


SHIPENGINE: Final = ShipEngineApi()
