"""EasyPost's Trackers API: one tracker a parcel, registered and read one by one, five requests a second.

Basic authentication, the API key as the user and no password. Creating a tracker registers the number; whoever creates
one of the same code and carrier again within three months gets the first one back and pays once (documented), so doing
it twice is harmless. The answer's id is what a tracker is read by.

Not ended: deleting a tracker (`DELETE /v2/trackers/:id`) cannot be taken back, saves nothing, and a parcel that moves
again would be paid for twice.

Confirmed by their documentation: paths, the three months, five requests a second (for lists; others are limited by
load), 429. From their client libraries: the form of errors. Not confirmed: Retry-After.
"""

from collections.abc import Sequence
from typing import Final

from services.ingest.apis.answers import (
    CREATED,
    NOT_REGISTERED,
    OK,
    about_request,
    code_of,
    error_document,
    in_path,
    number_of,
    reference_of,
    taken_for,
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
from services.ingest.apis.carrier_codes import EASYPOST as CODES
from services.ingest.carriers.documents import child, text

_TRACKERS: Final = "/v2/trackers"


class EasyPostApi(Api):
    """See the module."""

    traits = Traits(
        provider="easypost", base_url="https://api.easypost.com", rate=Rate(5, per_s=1), reads=1, registers=1
    )

    async def read(self, client: Client, subjects: Sequence[Subject]) -> Sequence[ReadResult]:
        """Ask for one tracker by its id: a list of trackers by number would be another document."""
        (one,) = subjects
        if one.reference is None:
            return [Refused(one.key, NOT_REGISTERED)]
        reply = await client.call("GET", f"{_TRACKERS}/{in_path(one.reference)}", basic=(client.credentials.key, ""))
        if reply.status != OK:
            return about_request(reply, subjects, _code(reply))
        if number_of(reply.json(), "tracking_code") != one.number:
            raise Trouble("no_results")
        return [Answer((one.key,), reply.body)]

    async def register(self, client: Client, subjects: Sequence[Subject]) -> Sequence[RegisterResult]:
        """Create the tracker; EasyPost finds the carrier out where we do not know its name for it."""
        (one,) = subjects
        tracker = {"tracking_code": one.number}
        if one.carrier in CODES:
            tracker["carrier"] = CODES[one.carrier]
        reply = await client.call("POST", _TRACKERS, json={"tracker": tracker}, basic=(client.credentials.key, ""))
        if reply.status not in (OK, CREATED):
            return about_request(reply, subjects, _code(reply))
        reference, why = reference_of(reply.json(), "id"), _no_use(reply.json(), one)
        if reference is None:
            raise Trouble("no_results")
        return [Registered(one.key, reference) if why is None else Refused(one.key, why)]


def _no_use(tracker: object, one: Subject) -> str | None:
    """Return why the tracker will tell nothing of this parcel: it failed, or follows another carrier's."""
    if text(tracker, "status") == "error":
        return "tracker_error"
    return None if one.carrier in CODES else taken_for(one, text(tracker, "carrier"), "easypost")


def _code(reply: Reply) -> str:
    """Return an error's code, as in TRACKER.CREATE.ERROR."""
    return code_of(child(error_document(reply), "error"), "code", otherwise=f"http_{reply.status}")


EASYPOST: Final = EasyPostApi()
