"""FedEx's Track API: thirty numbers a request, a hundred thousand requests a day.

OAuth client credentials in a form (`/oauth/token`). Numbers need no registration: Advanced Integrated Visibility pushes
by account, or by subscriptions that are made in FedEx's portal. An answer is a 200 with an error inside the results of
a number that it does not know.

Confirmed by FedEx's documentation: the quota a day (1400 in ten seconds beside it), 429, and that tokens have limits of
their own by address. From public clients of the API: paths, the shape of the answer and of errors, thirty numbers. Not
confirmed: Retry-After.
"""

from collections.abc import Sequence
from typing import Final

from services.ingest.apis.answers import OK, about_request, answered, code_of, error_document, number_of
from services.ingest.apis.base import Api, Client, Rate, ReadResult, Refused, Reply, Subject, Traits, Trouble
from services.ingest.apis.oauth import bearer
from services.ingest.carriers.documents import child, rows

_OAUTH: Final = "/oauth/token"
_TRACK: Final = "/track/v1/trackingnumbers"
_DAY_S: Final = 86_400


class FedExApi(Api):
    """See the module."""

    traits = Traits(
        provider="fedex",
        base_url="https://apis.fedex.com",
        rate=Rate(100_000, per_s=_DAY_S),
        reads=30,
        carriers=frozenset({"fedex"}),
        needs=("key", "secret"),
    )

    async def read(self, client: Client, subjects: Sequence[Subject]) -> Sequence[ReadResult]:
        """Ask for up to thirty numbers."""
        own = client.credentials
        grant = {"grant_type": "client_credentials", "client_id": own.key, "client_secret": own.secret}
        asked = [{"trackingNumberInfo": {"trackingNumber": one.number}} for one in subjects]
        reply = await client.call(
            "POST",
            _TRACK,
            json={"includeDetailedScans": True, "trackingInfo": asked},
            headers={**await bearer(client, _OAUTH, form=grant), "x-locale": "en_US"},
        )
        if reply.status != OK:
            errors = rows(error_document(reply), "errors")
            return about_request(
                reply, subjects, code_of(errors[0] if errors else None, "code", otherwise=_http(reply))
            )
        return _results(reply, subjects)


def _results(reply: Reply, subjects: Sequence[Subject]) -> list[ReadResult]:
    complete = rows(child(reply.json(), "output"), "completeTrackResults")
    if not complete:
        raise Trouble("no_results")
    errors = {number: _error(row) for row in complete if (number := number_of(row, "trackingNumber"))}
    told = {number for number, error in errors.items() if error is None}
    refused = [Refused(one.key, why) for one in subjects if (why := errors.get(one.number)) is not None]
    return [*answered(subjects, told, reply.body), *refused]


def _error(row: object) -> str | None:
    """Return the code of what went wrong with a number; None where one of its results tells something."""
    results = rows(row, "trackResults")
    errors = [child(result, "error") for result in results]
    if results and not all(errors):
        return None
    return code_of(errors[0] if errors else None, "code", otherwise="no_results")


def _http(reply: Reply) -> str:
    return f"http_{reply.status}"


FEDEX: Final = FedExApi()
