"""Canada Post's Get Tracking Details: one number a request, twenty requests a minute, XML.

Basic authentication with the API key's user and password. Errors are `messages` with codes: 004 (no history of that
number) comes with a 404, E002 (authentication) is about the key. Who asks more than twenty times in any sixty seconds
gets "Rejected by SLM Monitor" until they are over; with which HTTP status is not documented, so the text decides.

Confirmed by Canada Post's pages: twenty a minute (500 for an upgraded key: `API_RATES__CANADAPOST`), the SLM text. From
public clients: path, `Accept`, codes 004 and E002. Not confirmed: the HTTP statuses of errors.
"""

from collections.abc import Sequence
from typing import Final

from services.ingest.apis.answers import OK, SERVER_ERROR, about_request, code_of, in_path
from services.ingest.apis.base import (
    KEY_REFUSED_S,
    Answer,
    Api,
    Client,
    Rate,
    ReadResult,
    Refused,
    Reply,
    Subject,
    Traits,
    Trouble,
)
from services.ingest.carriers.xml_documents import elements, fields, read_xml
from services.runtime.errors import Poison

_SLM: Final = b"SLM Monitor"
_SLM_S: Final = 60.0
_KEY_CODES: Final = frozenset({"E002"})
_XML: Final = "application/vnd.cpc.track-v2+xml"


class CanadaPostApi(Api):
    """See the module."""

    traits = Traits(
        provider="canadapost",
        base_url="https://soa-gw.canadapost.ca",
        rate=Rate(20, per_s=60),
        reads=1,
        pushes=False,
        carriers=frozenset({"canada-post"}),
        needs=("key", "secret"),
    )

    async def read(self, client: Client, subjects: Sequence[Subject]) -> Sequence[ReadResult]:
        """Ask for one number, in English."""
        (one,) = subjects
        own = client.credentials
        reply = await client.call(
            "GET",
            f"/vis/track/pin/{in_path(one.number)}/detail",
            headers={"accept": _XML, "accept-language": "en-CA"},
            basic=(own.key, own.secret),
            allow=(SERVER_ERROR,),
        )
        if _SLM in reply.body:
            raise Trouble("slm_monitor", _SLM_S)
        if reply.status == SERVER_ERROR:
            raise Trouble(f"http_{SERVER_ERROR}")
        tells, codes = _read(reply)
        if _KEY_CODES & codes:
            raise Trouble("key_refused", KEY_REFUSED_S)
        if tells:
            return [Answer((one.key,), reply.body)]
        if codes:
            return [Refused(one.key, f"code_{min(codes)}")]
        if reply.status == OK:
            raise Trouble("no_results")
        return about_request(reply, subjects)


def _read(reply: Reply) -> tuple[bool, frozenset[str]]:
    """Return whether the answer tells of a parcel, and its errors' codes."""
    try:
        root = read_xml(reply.body)
    except Poison:
        raise Trouble("not_xml") from None
    codes = (code_of(fields(one), "code", otherwise="") for one in elements(root, "message"))
    tells = reply.status == OK and next(elements(root, "tracking-detail"), None) is not None
    return tells, frozenset(code for code in codes if code)


CANADAPOST: Final = CanadaPostApi()
