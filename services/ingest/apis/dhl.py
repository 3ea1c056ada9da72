"""DHL's Shipment Tracking - Unified: one number a request, 250 requests a day.

The key in the header `DHL-API-Key`. The division is named with the number (`service`) where we know it, because DHL
finds other divisions' shipments under the same number. Pushes are subscribed to by account, in DHL's own set-up, so
numbers need no registration. A number that is not known is a 404.

Confirmed by DHL's pages: `service`, 250 requests a day to begin with (until midnight GMT), 429, "in an even way
throughout the day". They name one request a second beside it, and others one in five seconds: 250 spread over a day are
slower than both. A contract for more is `API_RATES__DHL`, in requests a minute. Not confirmed: Retry-After.
"""

from collections.abc import Sequence
from typing import Final

from services.ingest.apis.answers import NOT_FOUND, OK, about_request
from services.ingest.apis.base import Answer, Api, Client, Rate, ReadResult, Refused, Subject, Traits, Trouble
from services.ingest.carriers.documents import rows

_SHIPMENTS: Final = "/track/shipments"
_DAY_S: Final = 86_400
#: carrier -> `service`, the way back of `carriers/dhl_codes.py:SERVICES`.
_SERVICES: Final = {
    "deutsche-post": "post-de",
    "dhl-ecommerce": "ecommerce",
    "dhl-ecommerce-europe": "ecommerce-europe",
    "dhl-express": "express",
    "dhl-freight": "freight",
    "dhl-global-forwarding": "dgf",
    "dhl-parcel-de": "parcel-de",
    "dhl-parcel-es": "parcel-es",
    "dhl-parcel-nl": "parcel-nl",
    "dhl-parcel-pl": "parcel-pl",
    "dhl-parcel-uk": "parcel-uk",
    "dhl-sameday": "sameday",
}


class DhlApi(Api):
    """See the module."""

    traits = Traits(
        provider="dhl",
        base_url="https://api-eu.dhl.com",
        rate=Rate(250, per_s=_DAY_S),
        reads=1,
        carriers=frozenset(_SERVICES),
    )

    async def read(self, client: Client, subjects: Sequence[Subject]) -> Sequence[ReadResult]:
        """Ask for one number of one division, in English."""
        (one,) = subjects
        params = {"trackingNumber": one.number, "language": "en"}
        if one.carrier in _SERVICES:
            params["service"] = _SERVICES[one.carrier]
        reply = await client.call(
            "GET",
            _SHIPMENTS,
            params=params,
            headers={"dhl-api-key": client.credentials.key, "accept": "application/json"},
        )
        if reply.status == NOT_FOUND:
            return [Refused(one.key, "not_found")]
        if reply.status != OK:
            return about_request(reply, subjects)
        if not rows(reply.json(), "shipments"):
            raise Trouble("no_results")
        return [Answer((one.key,), reply.body)]


DHL: Final = DhlApi()
