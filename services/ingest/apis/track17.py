"""17TRACK's Tracking API (v2.2): forty numbers a request, three requests a second.

The key in the header `17token`. Every request is a POST of a list; the answer is a 200 that sorts it into `accepted`
and `rejected`, each rejected number with an error of its own: -18019901 (registered already) is registered, and quotas
(-18019907 of the day, -18019908 of the account) are worth another try later. A code other than 0 at the top is about
the whole request, the key among others (-18010002), beside an HTTP 401.

Ended by `stoptrack`; a number that is not tracked any more is ended. A stopped number that is registered again is
"registered already" and stays stopped: the poller then reads it where webhooks stay silent.

Confirmed by their documentation: all of the above but the three requests a second, which clients report. Not
confirmed: whether a 429 says how long to wait.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Final

from services.ingest.apis.answers import OK, about_request, answered, number_of, taken_for
from services.ingest.apis.base import (
    KEY_REFUSED_S,
    Api,
    Client,
    Later,
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
from services.ingest.apis.carrier_codes import TRACK17 as CODES
from services.ingest.carriers.documents import child, rows, text

_REGISTERED: Final = "-18019901"
#: Trouble of their own, the day's limit, the account's quota.
_LATER: Final = {"-18010003": None, "-18019907": 3600.0, "-18019908": 3600.0}
#: The address is not on the list, the key is wrong, the account is off, no right.
_KEY: Final = frozenset({"-18010001", "-18010002", "-18010004", "-18010005"})


class Track17Api(Api):
    """See the module."""

    traits = Traits(
        provider="track17",
        base_url="https://api.17track.net/track/v2.2",
        rate=Rate(3, per_s=1),
        reads=40,
        registers=40,
        ends=40,
    )

    async def read(self, client: Client, subjects: Sequence[Subject]) -> Sequence[ReadResult]:
        """Ask for up to forty numbers."""
        reply = await _post(client, "/gettrackinfo", subjects)
        if reply.status != OK:
            return about_request(reply, subjects)
        accepted, rejected = _sorted(reply)
        told = accepted.keys()
        return [*answered(subjects, told, reply.body), *_refused(subjects, told, rejected)]

    async def register(self, client: Client, subjects: Sequence[Subject]) -> Sequence[RegisterResult]:
        """Register up to forty numbers."""
        reply = await _post(client, "/register", subjects)
        if reply.status != OK:
            return about_request(reply, subjects)
        accepted, rejected = _sorted(reply)
        known = {number for number, code in rejected.items() if code == _REGISTERED}
        done = accepted.keys() | known
        registered = [_taken(one, accepted.get(one.number)) for one in subjects if one.number in done]
        return [*registered, *_refused(subjects, done, rejected)]

    async def end(self, client: Client, subjects: Sequence[Subject]) -> None:
        """Stop up to forty numbers; why one was not stopped does not matter, it is not tracked."""
        reply = await _post(client, "/stoptrack", subjects)
        if reply.status != OK:
            raise Trouble(f"http_{reply.status}")
        _sorted(reply)


async def _post(client: Client, path: str, subjects: Iterable[Subject]) -> Reply:
    numbers = [
        {"number": one.number} | ({"carrier": CODES[one.carrier]} if one.carrier in CODES else {}) for one in subjects
    ]
    return await client.call("POST", path, json=numbers, headers={"17token": client.credentials.key})


def _taken(one: Subject, carrier: str | None) -> RegisterResult:
    why = None if carrier is None or one.carrier in CODES else taken_for(one, carrier, "track17")
    return Registered(one.key) if why is None else Refused(one.key, why)


def _sorted(reply: Reply) -> tuple[dict[str, str], dict[str, str]]:
    """Return the accepted numbers with their carriers, and the others with their errors; Trouble without either."""
    document = reply.json()
    code = text(document, "code")
    if code is not None and code != "0":
        why = f"code_{code}" if code in _KEY or code in _LATER else "code"
        raise Trouble(why, KEY_REFUSED_S if code in _KEY else None)
    data = child(document, "data")
    if not any(isinstance(data.get(name), list) for name in ("accepted", "rejected")):
        raise Trouble("no_results")
    accepted = {
        number: text(row, "carrier") or "" for row in rows(data, "accepted") if (number := number_of(row, "number"))
    }
    rejected = {
        number: text(child(row, "error"), "code") or ""
        for row in rows(data, "rejected")
        if (number := number_of(row, "number"))
    }
    return accepted, rejected


def _refused(subjects: Iterable[Subject], done: Collection[str], rejected: Mapping[str, str]) -> list[Refused | Later]:
    found: list[Refused | Later] = []
    for one in subjects:
        if one.number in done or one.number not in rejected:
            continue
        code = rejected[one.number]
        why = f"code_{code}" if code.removeprefix("-").isdecimal() and len(code) <= len(_REGISTERED) else "rejected"
        found.append(Later(one.key, why, _LATER[code]) if code in _LATER else Refused(one.key, why))
    return found


TRACK17: Final = Track17Api()
