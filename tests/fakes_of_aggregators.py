"""The APIs of the aggregators, most of which register numbers: see `fakes_of_apis.py`."""

import json
from collections.abc import Sequence
from typing import Final
from urllib.parse import unquote

from starlette.responses import JSONResponse, Response

from tests.fake_api import Seen
from tests.fakes_of_apis import OWN, FakeProvider, basic, fixture, told_of

_CREATED: Final = 201


class FakeEasyPost(FakeProvider):
    """Returns the first tracker of a number to whoever creates it again."""

    provider = "easypost"
    carrier = "usps"
    digits = "940010000000000001{:04}"

    def reference(self, number: str) -> str:
        """Return the tracker's id."""
        return f"trk_{number}"

    def authentic(self, seen: Seen) -> bool:
        """Check the key, which is the user."""
        return basic(seen) == (OWN.key, "")

    def operation(self, seen: Seen) -> str:
        """Creating registers."""
        return "register" if seen.method == "POST" else "read"

    def numbers(self, seen: Seen) -> list[str]:
        """A tracker is created by its number and read by its id."""
        if seen.method == "POST":
            return [json.loads(seen.body)["tracker"]["tracking_code"]]
        return [unquote(seen.path.removeprefix("/v2/trackers/")).removeprefix("trk_")]

    def read(self, numbers: Sequence[str]) -> Response:
        """Give the tracker."""
        (number,) = numbers
        if number in self.unknown:
            return JSONResponse({"error": {"code": "NOT_FOUND", "message": "The requested resource..."}}, 404)
        return JSONResponse(self.tracker(number))

    def register(self, numbers: Sequence[str]) -> Response:
        """Create the tracker."""
        (number,) = numbers
        if number in self.refused:
            return JSONResponse({"error": {"code": "TRACKER.CREATE.ERROR", "message": f"{number} is not"}}, 422)
        self.registered.append(number)
        return JSONResponse(self.tracker(number), _CREATED)

    def tracker(self, number: str) -> dict[str, object]:
        """Return the tracker of a number."""
        document: dict[str, object] = told_of(fixture("easypost/bare_tracker_object"), number, "tracking_code")
        return document | {"id": f"trk_{number}"}


class FakeAfterShip(FakeProvider):
    """Refuses a number that it has with a code of its own."""

    provider = "aftership"
    carrier = "dpd-uk"
    digits = "1550123456{:04}"

    def authentic(self, seen: Seen) -> bool:
        """Check the key in its header."""
        return seen.headers.get("as-api-key") == OWN.key

    def operation(self, seen: Seen) -> str:
        """Creating registers."""
        return "register" if seen.method == "POST" else "read"

    def numbers(self, seen: Seen) -> list[str]:
        """Several in a list, one in a creation."""
        if seen.method == "POST":
            return [json.loads(seen.body)["tracking_number"]]
        return seen.query["tracking_numbers"].split(",")

    def read(self, numbers: Sequence[str]) -> Response:
        """List those that are known."""
        document = fixture("aftership/api_answer_with_several_trackings")
        one = document["data"]["trackings"][0]
        known = [number for number in numbers if number not in self.unknown]
        document["data"]["trackings"] = [told_of(one, number, "tracking_number") for number in known]
        return JSONResponse(document)

    def register(self, numbers: Sequence[str]) -> Response:
        """Create the tracking."""
        (number,) = numbers
        data = {"id": f"at-{number}", "tracking_number": number, "slug": "dpd-uk"}
        if number in self.registered:
            return JSONResponse({"meta": {"code": 4003, "message": "Tracking already exists."}, "data": data}, 400)
        if number in self.refused:
            return JSONResponse({"meta": {"code": 4012, "message": f"{number} is not"}, "data": {}}, 400)
        self.registered.append(number)
        return JSONResponse({"meta": {"code": 201}, "data": data}, _CREATED)


class FakeShippo(FakeProvider):
    """Answers for every number, and registers it once more with every post."""

    provider = "shippo"
    carrier = "ups"
    digits = "1Z00000000000{:04}B"
    knows_every_number = True

    def authentic(self, seen: Seen) -> bool:
        """Check the token."""
        return seen.headers.get("authorization") == f"ShippoToken {OWN.key}"

    def operation(self, seen: Seen) -> str:
        """Posting registers."""
        return "register" if seen.method == "POST" else "read"

    def numbers(self, seen: Seen) -> list[str]:
        """In the path, or in the body."""
        if seen.method == "POST":
            return [json.loads(seen.body)["tracking_number"]] if seen.path == "/tracks/" else []
        return super().numbers(seen) if seen.path.startswith("/tracks/ups/") else []

    def read(self, numbers: Sequence[str]) -> Response:
        """Give the track; an empty one, where nobody knows the number."""
        (number,) = numbers
        track = told_of(fixture("shippo/bare_track_object"), number, "tracking_number")
        empty: dict[str, object] = {"tracking_status": None, "tracking_history": [], "eta": None}
        return JSONResponse(track | empty if number in self.unknown else track)

    def register(self, numbers: Sequence[str]) -> Response:
        """Take the number."""
        (number,) = numbers
        if number in self.refused:
            return JSONResponse({"carrier": [f"{number} is not supported"]}, 400)
        self.registered.append(number)
        return JSONResponse(told_of(fixture("shippo/bare_track_object"), number, "tracking_number"), _CREATED)


class FakeTrack17(FakeProvider):
    """Sorts every list into accepted and rejected."""

    provider = "track17"
    carrier = "china-post"
    digits = "RR47282{:04}CN"

    def authentic(self, seen: Seen) -> bool:
        """Check the key in its header."""
        return seen.headers.get("17token") == OWN.key and seen.method == "POST"

    def operation(self, seen: Seen) -> str:
        """By the path's end."""
        return {"gettrackinfo": "read", "register": "register", "stoptrack": "end"}[seen.path.rpartition("/")[2]]

    def numbers(self, seen: Seen) -> list[str]:
        """Always a list."""
        return [one["number"] for one in json.loads(seen.body) if one["carrier"] == 3011]

    def read(self, numbers: Sequence[str]) -> Response:
        """Tell of those that are known."""
        one = fixture("track17/answer_of_gettrackinfo")["data"]["accepted"][0]
        known = [told_of(one, number, "number") for number in numbers if number not in self.unknown]
        return self.sorted(known, dict.fromkeys(self.unknown & set(numbers), -18019902))

    def register(self, numbers: Sequence[str]) -> Response:
        """Take those that are new."""
        errors = {number: -18019903 for number in numbers if number in self.refused}
        errors |= {number: -18019901 for number in numbers if number in self.registered}
        new = [number for number in numbers if number not in errors]
        self.registered += new
        return self.sorted([{"origin": 1, "number": number, "carrier": 3011} for number in new], errors)

    def end(self, numbers: Sequence[str]) -> Response:
        """Stop those that are followed."""
        errors = {number: -18019906 for number in numbers if number in self.ended}
        new = [number for number in numbers if number not in errors]
        self.ended += new
        return self.sorted([{"number": number, "carrier": 3011} for number in new], errors)

    def sorted(self, accepted: Sequence[object], errors: dict[str, int]) -> Response:
        """Return an answer."""
        rejected = [
            {"number": number, "error": {"code": code, "message": f"{number} is not"}}
            for number, code in errors.items()
        ]
        return JSONResponse({"code": 0, "data": {"accepted": accepted, "rejected": rejected}})


class FakeShipEngine(FakeProvider):
    """Starts and stops with empty answers."""

    provider = "shipengine"
    carrier = "ups"
    digits = "1Z00000000000{:04}A"

    def authentic(self, seen: Seen) -> bool:
        """Check the key in its header."""
        return seen.headers.get("api-key") == OWN.key

    def operation(self, seen: Seen) -> str:
        """By the path's end."""
        return {"tracking": "read", "start": "register", "stop": "end"}[seen.path.rpartition("/")[2]]

    def numbers(self, seen: Seen) -> list[str]:
        """In the query."""
        return [seen.query["tracking_number"]] if seen.query["carrier_code"] == "ups" else []

    def read(self, numbers: Sequence[str]) -> Response:
        """Give the tracking object."""
        (number,) = numbers
        if number in self.unknown:
            return JSONResponse(_error("tracking_not_found", number), 404)
        return JSONResponse(
            told_of(fixture("shipengine/in_transit")["data"], number, "tracking_number") | {"carrier_code": "ups"}
        )

    def register(self, numbers: Sequence[str]) -> Response:
        """Start, unless the carrier is not connected."""
        (number,) = numbers
        if number in self.refused:
            return JSONResponse(_error("carrier_not_connected", number), 400)
        self.registered.append(number)
        return Response(status_code=204)

    def end(self, numbers: Sequence[str]) -> Response:
        """Stop; what is not followed is not found."""
        (number,) = numbers
        if number in self.ended:
            return JSONResponse(_error("tracking_not_found", number), 404)
        self.ended.append(number)
        return Response(status_code=204)


class FakeSendcloud(FakeProvider):
    """Knows the parcels whose labels were made there."""

    provider = "sendcloud"
    carrier = "postnl"
    digits = "3STEST000{:04}"

    def authentic(self, seen: Seen) -> bool:
        """Check both keys of the integration."""
        return basic(seen) == (OWN.key, OWN.secret)

    def numbers(self, seen: Seen) -> list[str]:
        """In the path of v2; XML is for who does not ask for JSON."""
        asked = seen.path.startswith("/api/v2/tracking/") and seen.headers.get("accept") == "application/json"
        return super().numbers(seen) if asked and seen.method == "GET" else []

    def read(self, numbers: Sequence[str]) -> Response:
        """Give the history."""
        (number,) = numbers
        if number in self.unknown:
            return JSONResponse({"error": {"code": 404, "message": f"{number} is not"}}, 404)
        return JSONResponse(told_of(fixture("sendcloud/history_of_the_tracking_api"), number, "tracking_number"))


def _error(code: str, number: str) -> dict[str, object]:
    return {"request_id": "1", "errors": [{"error_source": "shipengine", "error_code": code, "message": f"{number}?"}]}


AGGREGATORS: Final = (FakeEasyPost, FakeAfterShip, FakeShippo, FakeTrack17, FakeShipEngine, FakeSendcloud)
