"""The APIs of the carriers themselves: see `fakes_of_apis.py`."""

import json
from collections.abc import Sequence
from typing import Final

from starlette.responses import JSONResponse, Response

from tests.fake_api import Seen
from tests.fakes_of_aggregators import AGGREGATORS
from tests.fakes_of_apis import CALLBACK, FIXTURES, OWN, FakeProvider, basic, fixture, told_of


class FakeUps(FakeProvider):
    """The Track API and Track Alert behind one token."""

    provider = "ups"
    carrier = "ups"
    digits = "1Z58Y7A9031234{:04}"
    oauth = "/security/v1/oauth/token"

    def authentic(self, seen: Seen) -> bool:
        """Check token and the two headers that UPS wants."""
        return super().authentic(seen) and bool(seen.headers.get("transid")) and "transactionsrc" in seen.headers

    def operation(self, seen: Seen) -> str:
        """Subscribing registers."""
        return "register" if seen.path == "/api/track/v1/subscription/standard/package" else "read"

    def numbers(self, seen: Seen) -> list[str]:
        """In the path, or in the body beside our address."""
        if seen.method != "POST":
            return super().numbers(seen) if seen.path.startswith("/api/track/v1/details/") else []
        body = json.loads(seen.body)
        wanted = {"url": CALLBACK.url, "credentialType": "Bearer", "credential": CALLBACK.secret}
        return list(body["trackingNumberList"]) if body["destination"] == wanted else []

    def read(self, numbers: Sequence[str]) -> Response:
        """Give the history, or a warning."""
        (number,) = numbers
        name = "ups/api_number_not_known" if number in self.unknown else "ups/api_history_newest_first"
        return JSONResponse(told_of(fixture(name), number, "inquiryNumber", "trackingNumber"))

    def register(self, numbers: Sequence[str]) -> Response:
        """Subscribe those that are valid."""
        valid = [number for number in numbers if number not in self.refused]
        invalid = [number for number in numbers if number in self.refused]
        self.registered += valid
        if not valid:
            error = {"errors": [{"code": "VSS210", "message": "at least one valid"}]}
            return JSONResponse({"response": error, "invalidTrackingNumbers": invalid}, 400)
        return JSONResponse({"validTrackingNumbers": valid, "invalidTrackingNumbers": invalid})


class FakeFedEx(FakeProvider):
    """Puts an error inside the result of a number that it does not know."""

    provider = "fedex"
    carrier = "fedex"
    digits = "79460000{:04}"
    oauth = "/oauth/token"

    def numbers(self, seen: Seen) -> list[str]:
        """A list in the body."""
        asked = json.loads(seen.body)
        if not asked["includeDetailedScans"] or seen.path != "/track/v1/trackingnumbers":
            return []
        return [one["trackingNumberInfo"]["trackingNumber"] for one in asked["trackingInfo"]]

    def read(self, numbers: Sequence[str]) -> Response:
        """Give one result a number."""
        document = fixture("fedex/delivered_with_signature")
        one = document["output"]["completeTrackResults"][0]
        error = {"code": "TRACKING.TRACKINGNUMBER.NOTFOUND", "message": "Tracking number cannot be found."}
        document["output"]["completeTrackResults"] = [
            {"trackingNumber": number, "trackResults": [{"error": error}]}
            if number in self.unknown
            else told_of(one, number, "trackingNumber")
            for number in numbers
        ]
        return JSONResponse(document)


class FakeDhl(FakeProvider):
    """One division at a time."""

    provider = "dhl"
    carrier = "dhl-parcel-nl"
    digits = "JVGL00000{:04}"

    def authentic(self, seen: Seen) -> bool:
        """Check the key in its header."""
        return seen.headers.get("dhl-api-key") == OWN.key

    def numbers(self, seen: Seen) -> list[str]:
        """In the query."""
        is_ours = seen.path == "/track/shipments" and seen.query["service"] == "parcel-nl"
        return [seen.query["trackingNumber"]] if is_ours else []

    def read(self, numbers: Sequence[str]) -> Response:
        """Give the shipment."""
        (number,) = numbers
        if number in self.unknown:
            return JSONResponse(fixture("dhl/api_not_found_is_ignored"), 404)
        document = fixture("dhl/status_newer_than_the_last_event")
        return JSONResponse({"shipments": [told_of(document["shipments"][0], number, "id")]})


class FakeUsps(FakeProvider):
    """Tracking 3.2: 207 where some numbers have errors."""

    provider = "usps"
    carrier = "usps"
    digits = "940010000000000000{:04}"
    oauth = "/oauth2/v3/token"

    def numbers(self, seen: Seen) -> list[str]:
        """A list in the body."""
        return [one["trackingNumber"] for one in json.loads(seen.body)] if seen.method == "POST" else []

    def read(self, numbers: Sequence[str]) -> Response:
        """Give one entry a number."""
        one = fixture("usps/batch_of_version_3_2")[0]
        error = {"code": "404", "message": "Tracking number not found"}
        entries = [
            {"trackingNumber": number, "statusCode": "404", "error": error}
            if number in self.unknown
            else told_of(one, number, "trackingNumber") | {"statusCode": "200"}
            for number in numbers
        ]
        return JSONResponse(entries, 207 if self.unknown & set(numbers) else 200)


class FakeCanadaPost(FakeProvider):
    """XML, and codes for errors."""

    provider = "canadapost"
    carrier = "canada-post"
    digits = "100000000000{:04}"

    def authentic(self, seen: Seen) -> bool:
        """Check user and password."""
        return basic(seen) == (OWN.key, OWN.secret) and "vnd.cpc.track-v2+xml" in seen.headers["accept"]

    def numbers(self, seen: Seen) -> list[str]:
        """In the path."""
        _, vis, track, pin, number, detail = seen.path.split("/")
        return [number] if (vis, track, pin, detail) == ("vis", "track", "pin", "detail") else []

    def read(self, numbers: Sequence[str]) -> Response:
        """Give the details."""
        (number,) = numbers
        if number in self.unknown:
            return Response((FIXTURES / "canadapost/no_pin_history.xml").read_bytes(), 404)
        known = (FIXTURES / "canadapost/card_left_then_collected.xml").read_bytes()
        return Response(known.replace(b"<pin>1000000000000011<", f"<pin>{number}<".encode()))


class FakeAustraliaPost(FakeProvider):
    """Ten numbers, errors beside results."""

    provider = "australiapost"
    carrier = "australia-post"
    digits = "33AAA0{:04}"

    def authentic(self, seen: Seen) -> bool:
        """Check user, password and account."""
        return basic(seen) == (OWN.key, OWN.secret) and seen.headers.get("account-number") == OWN.account

    def numbers(self, seen: Seen) -> list[str]:
        """In the query."""
        return seen.query["tracking_ids"].split(",")

    def read(self, numbers: Sequence[str]) -> Response:
        """Give one result a number."""
        event = {"location": "SYDNEY NSW", "description": "In transit", "date": "2026-11-20T10:00:00+11:00"}
        return JSONResponse(
            {
                "tracking_results": [
                    {"tracking_id": number, "errors": [{"code": "ESB-10001"}]}
                    if number in self.unknown
                    else {
                        "tracking_id": number,
                        "status": "In transit",
                        "trackable_items": [{"article_id": number, "product_type": "eParcel", "events": [event]}],
                    }
                    for number in numbers
                ]
            }
        )


CARRIERS: Final = (FakeUps, FakeFedEx, FakeDhl, FakeUsps, FakeCanadaPost, FakeAustraliaPost)
FAKES: Final[tuple[type[FakeProvider], ...]] = (*AGGREGATORS, *CARRIERS)
