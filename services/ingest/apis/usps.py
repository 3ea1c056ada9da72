"""USPS's Tracking API 3.2: thirty-five numbers a request, sixty requests an hour, tokens included.

OAuth client credentials in a form (`/oauth2/v3/token`). The answer is a list with one entry a number, each the parcel
or an error of its own; the status is 207 where they are mixed. Tracking 3.0, one number a request, is deprecated
(their own page) and not built: at sixty an hour it would serve sixty parcels.

Confirmed by USPS's pages: 3.0 is deprecated, OAuth. From several public clients of 3.2: the path, thirty-five numbers,
207, `statusCode` and `error` of an entry, Retry-After in seconds, sixty an hour, tokens for eight hours. Not confirmed:
since April 2026 USPS may hide parcels of other shippers; such a number is refused with the code that USPS gives.
"""

from collections.abc import Sequence
from typing import Final

from services.ingest.apis.answers import MULTI_STATUS, OK, about_request, answered, code_of, error_document, number_of
from services.ingest.apis.base import Api, Client, Rate, ReadResult, Refused, Reply, Subject, Traits, Trouble
from services.ingest.apis.oauth import bearer
from services.ingest.carriers.documents import child

_OAUTH: Final = "/oauth2/v3/token"
_TRACKING: Final = "/tracking/v3r2/tracking"
_HOUR_S: Final = 3600


class UspsApi(Api):
    """See the module."""

    traits = Traits(
        provider="usps",
        base_url="https://apis.usps.com",
        rate=Rate(60, per_s=_HOUR_S),
        reads=35,
        pushes=False,
        carriers=frozenset({"usps"}),
        needs=("key", "secret"),
    )

    async def read(self, client: Client, subjects: Sequence[Subject]) -> Sequence[ReadResult]:
        """Ask for up to thirty-five numbers."""
        own = client.credentials
        grant = {"grant_type": "client_credentials", "client_id": own.key, "client_secret": own.secret}
        reply = await client.call(
            "POST",
            _TRACKING,
            json=[{"trackingNumber": one.number} for one in subjects],
            headers={**await bearer(client, _OAUTH, form=grant), "accept": "application/json"},
        )
        if reply.status not in (OK, MULTI_STATUS):
            code = code_of(child(error_document(reply), "error"), "code", otherwise="")
            return about_request(reply, subjects, f"code_{code}" if code else None)
        return _results(reply, subjects)


def _results(reply: Reply, subjects: Sequence[Subject]) -> list[ReadResult]:
    document = reply.json()
    if not isinstance(document, list):
        raise Trouble("no_results")
    errors = {number: _error(one) for one in document if (number := number_of(one, "trackingNumber"))}
    told = {number for number, error in errors.items() if error is None}
    refused = [Refused(one.key, why) for one in subjects if (why := errors.get(one.number)) is not None]
    return [*answered(subjects, told, reply.body), *refused]


def _error(entry: object) -> str | None:
    error, status = child(entry, "error"), code_of(entry, "statusCode", otherwise=str(OK))
    if not error and status == str(OK):
        return None
    return f"code_{code_of(error, 'code', otherwise=status)}"


USPS: Final = UspsApi()
