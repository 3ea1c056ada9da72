"""Australia Post's and StarTrack's tracking API: ten numbers a request, ten requests a minute, no webhooks.

Basic authentication with API key and password, and the account's number in a header. Errors stand beside the results,
number by number, in an answer that is 200 all the same.
"""

from collections.abc import Sequence
from typing import Final

from services.ingest.apis.answers import OK, about_request, answered, code_of, number_of
from services.ingest.apis.base import Api, Client, Rate, ReadResult, Refused, Reply, Subject, Traits, Trouble
from services.ingest.carriers.documents import rows

_TRACK: Final = "/shipping/v1/track"
_NUMBER: Final = "tracking_id"


class AustraliaPostApi(Api):
    """See the module."""

    traits = Traits(
        provider="australiapost",
        base_url="https://digitalapi.auspost.com.au",
        rate=Rate(10, per_s=60),
        reads=10,
        pushes=False,
        carriers=frozenset({"australia-post", "startrack"}),
        needs=("key", "secret", "account"),
    )

    async def read(self, client: Client, subjects: Sequence[Subject]) -> Sequence[ReadResult]:
        """Ask for up to ten numbers."""
        own = client.credentials
        reply = await client.call(
            "GET",
            _TRACK,
            params={"tracking_ids": ",".join(one.number for one in subjects)},
            headers={"account-number": own.account, "accept": "application/json"},
            basic=(own.key, own.secret),
        )
        return _results(reply, subjects) if reply.status == OK else about_request(reply, subjects)


def _results(reply: Reply, subjects: Sequence[Subject]) -> list[ReadResult]:
    document = reply.json()
    if not isinstance(document, dict) or not isinstance(document.get("tracking_results"), list):
        raise Trouble("no_results")
    errors = {number: _error(one) for one in rows(document, "tracking_results") if (number := number_of(one, _NUMBER))}
    told = {number for number, error in errors.items() if error is None}
    refused = [Refused(one.key, why) for one in subjects if (why := errors.get(one.number)) is not None]
    return [*answered(subjects, told, reply.body), *refused]


def _error(result: object) -> str | None:
    """Return the first error's code, as in ESB-10001 (invalid tracking ID); None where there is none."""
    if not isinstance(result, dict) or not result.get("errors"):
        return None
    return code_of(next(iter(rows(result, "errors")), None), "code", otherwise="error")


AUSTRALIAPOST: Final = AustraliaPostApi()
