"""Sendcloud's tracking API (v2): one number a request, 1000 requests a minute, nothing to register.

Basic authentication, the integration's public key as the user and its secret key as the password. Sendcloud follows by
itself every parcel whose label was made there, and pushes by integration: no number is registered, none is ended. Of a
number that has no label there it knows nothing, which is a 404.

Confirmed by their documentation: base URL and path, Basic authentication (an integration that enforces OAuth2 refuses
it), 404 beside 200, XML beside JSON, 1000 GET requests a minute and 429 beyond. Documented too, and by their clients'
types: an answer names Sendcloud's id of the parcel and has no field for the tracking number, so one that names none is
taken for the number that was asked for. v2 is in maintenance: it works and gets nothing new. Not confirmed: the form of
the 404, Retry-After, and whether a key sees the parcels of the account's other integrations.
"""

from collections.abc import Sequence
from typing import Final

from services.ingest.apis.answers import NOT_FOUND, OK, about_request, in_path, number_of
from services.ingest.apis.base import Answer, Api, Client, Rate, ReadResult, Refused, Subject, Traits, Trouble

_TRACKING: Final = "/api/v2/tracking/"


class SendcloudApi(Api):
    """See the module."""

    traits = Traits(
        provider="sendcloud",
        base_url="https://panel.sendcloud.sc",
        rate=Rate(1000, per_s=60),
        reads=1,
        needs=("key", "secret"),
    )

    async def read(self, client: Client, subjects: Sequence[Subject]) -> Sequence[ReadResult]:
        """Ask for the history of one number; the carrier is Sendcloud's to know."""
        (one,) = subjects
        own = client.credentials
        reply = await client.call(
            "GET",
            f"{_TRACKING}{in_path(one.number)}",
            headers={"accept": "application/json"},
            basic=(own.key, own.secret),
        )
        if reply.status == NOT_FOUND:
            return [Refused(one.key, "not_found")]
        if reply.status != OK:
            return about_request(reply, subjects)
        if not _is_history(reply.json(), one.number):
            raise Trouble("no_results")
        return [Answer((one.key,), reply.body)]


def _is_history(document: object, number: str) -> bool:
    """Tell whether this is a history (an empty one too) that names no other number."""
    if not isinstance(document, dict) or not isinstance(document.get("statuses"), list):
        return False
    return number_of(document, "tracking_number") in (None, number)


SENDCLOUD: Final = SendcloudApi()
