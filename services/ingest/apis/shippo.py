"""Shippo's Tracks API: one number a request, 500 requests a minute.

`Authorization: ShippoToken KEY`. Posting a track registers the number: Shippo then sends every webhook once for each
time it was posted (documented), so a number is posted once; repeats change no state here. Reading is a request of its
own and registers nothing. A number nobody knows is a 200 with `tracking_status` null: an answer that says nothing yet.

Nothing to end: their API has no such request.

Confirmed by their documentation: paths, header, tokens of carriers, 500 reads a minute (750 posts). Not confirmed: the
form of a 400 (which carrier is not supported), and whether a 429 says how long to wait.
"""

from collections.abc import Sequence
from typing import Final

from services.ingest.apis.answers import CREATED, NO_CODE, OK, about_request, in_path, number_of
from services.ingest.apis.base import (
    Answer,
    Api,
    Client,
    Rate,
    ReadResult,
    Refused,
    Registered,
    RegisterResult,
    Subject,
    Traits,
    Trouble,
)
from services.ingest.apis.carrier_codes import SHIPPO as CODES

_TRACKS: Final = "/tracks/"


class ShippoApi(Api):
    """See the module."""

    traits = Traits(
        provider="shippo", base_url="https://api.goshippo.com", rate=Rate(500, per_s=60), reads=1, registers=1
    )

    async def read(self, client: Client, subjects: Sequence[Subject]) -> Sequence[ReadResult]:
        """Ask for one number of one carrier."""
        (one,) = subjects
        code = CODES.get(one.carrier)
        if code is None:
            return [Refused(one.key, NO_CODE)]
        reply = await client.call("GET", f"{_TRACKS}{code}/{in_path(one.number)}", headers=_headers(client))
        if reply.status != OK:
            return about_request(reply, subjects)
        if number_of(reply.json(), "tracking_number") != one.number:
            raise Trouble("no_results")
        return [Answer((one.key,), reply.body)]

    async def register(self, client: Client, subjects: Sequence[Subject]) -> Sequence[RegisterResult]:
        """Post one track."""
        (one,) = subjects
        code = CODES.get(one.carrier)
        if code is None:
            return [Refused(one.key, NO_CODE)]
        track = {"carrier": code, "tracking_number": one.number}
        reply = await client.call("POST", _TRACKS, json=track, headers=_headers(client))
        if reply.status not in (OK, CREATED):
            return about_request(reply, subjects)
        if number_of(reply.json(), "tracking_number") != one.number:
            raise Trouble("no_results")
        return [Registered(one.key)]


def _headers(client: Client) -> dict[str, str]:
    return {"authorization": f"ShippoToken {client.credentials.key}"}


SHIPPO: Final = ShippoApi()
