"""Australia Post and StarTrack, asked by the poller: up to ten numbers in one answer, English text as the only code.

Reads the answer of Track Items. What was asked for (`tracking_id`) is the number: an article, or a consignment, whose
articles are then its pieces (rule R22). The poller asks for the number that a shop claims, be it a consignment's or an
article's, and the answer repeats it: so the claim and the scans always meet. The texts stand in
`australiapost_codes.py`. Pure.

Identity: carrier, number, article where it is a piece, instant, the event's text folded (it is the code), and place.
All times stand at the server's offset, +10:00 or +11:00, for scans in Perth or Chicago too: the instant counts.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from schemas.scans import Scan
from schemas.vocabulary import ScanKind, Stage
from services.ingest.carriers.australiapost_codes import OF_ALL_ARTICLES, STATUSES, folded, meaning_of
from services.ingest.carriers.australiapost_places import place_of
from services.ingest.carriers.base import Pulled, Reading, Webhook
from services.ingest.carriers.documents import child, history, read_object, rows, text
from services.ingest.carriers.meanings import INFORMATION, NOT_FOUND, NOT_MAPPED, Meaning
from services.ingest.carriers.shipment import Shipment, number_of, read_each, told_reading, told_scans
from services.ingest.carriers.times import read_time
from services.runtime.errors import Poison

PROVIDER: Final = "australiapost"
MAP_VERSION: Final = 1

#: "Invalid tracking ID": not known, or not yet.
_NOT_FOUND_CODES: Final = frozenset({"ESB-10001", "51104"})
_NOT_TRACKABLE: Final = "ESB-10002"
#: StarTrack's services; Australia Post writes names ("Parcel Post") here.
_STARTRACK_PRODUCTS: Final = frozenset({"ARL", "EXP", "FPA", "FPP", "PRM", "RE2", "RET"})


@dataclass(frozen=True, slots=True)
class _Article:
    """One article of what was asked for."""

    piece: str | None
    """Its id, where that is not the number itself."""
    told: dict[str, object]


class AustraliaPost(Pulled):
    """The provider `australiapost`."""

    provider = PROVIDER
    map_version = MAP_VERSION

    def parse(self, webhook: Webhook) -> Reading:
        """Return what the answer says of its numbers; one that cannot be read costs only itself."""
        document = read_object(webhook.body)
        results = rows(document, "tracking_results")
        if results:
            return read_each(results, lambda one: _read_result(one, webhook))
        if "errors" in document:
            return Reading(ignored="api_error")  # too many numbers, too many requests: of no parcel
        if document.get("tracking_results") == []:
            return Reading(ignored="empty")
        raise Poison("bad_shape", "the answer holds no tracking results")


def _read_result(result: object, webhook: Webhook) -> Reading:
    number = number_of(text(result, "tracking_id"))
    articles = _articles(result, number)
    shipment = Shipment(
        provider=PROVIDER,
        map_version=MAP_VERSION,
        told_at=webhook.told_at,
        carrier="startrack" if _is_startrack(result, articles) else "australia-post",
        number=number,
    )
    if rows(result, "errors"):
        return _read_errors(shipment, rows(result, "errors"))
    scans, problems = told_scans(_events(result, articles), lambda one: _scan(shipment, one))
    reading = told_reading(scans, problems, _summaries(shipment, result, articles))
    return reading if reading.scans or problems else Reading(ignored="no_events")


def _read_errors(shipment: Shipment, errors: Sequence[object]) -> Reading:
    codes = {text(one, "code") for one in errors}
    if codes & _NOT_FOUND_CODES:
        return told_reading([], [], [shipment.summary(None, "not found", NOT_FOUND)])
    return Reading(ignored="not_trackable" if _NOT_TRACKABLE in codes else "api_error")


def _articles(result: object, number: str) -> list[_Article]:
    """Return the articles: in the list itself, or one level deeper where they were sent as one consignment."""
    found = []
    for item in rows(result, "trackable_items"):
        for told in rows(item, "items") or [item]:
            if isinstance(told, dict):
                name = text(told, "article_id")
                found.append(_Article(None if name is None or name.upper() == number else name[:128], told))
    return found


def _is_startrack(result: object, articles: Sequence[_Article]) -> bool:
    products = {text(one.told, "product_type") for one in articles}
    return bool(child(result, "consignment")) or bool(products & _STARTRACK_PRODUCTS)


def _events(result: object, articles: Sequence[_Article]) -> list[tuple[str | None, object, bool]]:
    """Return every event with its piece, and whether it is one of a consignment of several.

    Oldest first, since each list comes newest first: of events at one time the order of the answer is kept.
    """
    whole = rows(child(result, "consignment"), "events")
    events: list[tuple[str | None, object, bool]] = [(None, event, len(articles) > 1) for event in whole]
    events += [(one.piece, event, False) for one in articles for event in history(one.told, "events")]
    return events[::-1]


def _scan(shipment: Shipment, told: object) -> Scan:
    piece, event, is_of_several = told if isinstance(told, tuple) else (None, told, False)
    description = text(event, "description")
    place = place_of(shipment, text(event, "location"))
    at = read_time(text(event, "date") or "", zone=place.time_zone if place else None)
    meaning = meaning_of(description)
    if is_of_several and meaning.stage is Stage.DELIVERED:
        # One event of a consignment of several: which of them arrived is told by their own events and statuses.
        meaning = INFORMATION
    return shipment.scan(
        at,
        description,
        meaning,
        place=place,
        wording=description,
        piece=piece,
        event_key=shipment.event_key(ScanKind.SCAN, at, folded(description or ""), place=place, piece=piece),
    )


def _summaries(shipment: Shipment, result: object, articles: Sequence[_Article]) -> Iterator[Scan | None]:
    """Give the status of the whole, then of each article that is a piece (R23): they may differ."""
    whole = text(child(result, "consignment"), "status") or text(result, "status")
    if whole is None and len(articles) == 1 and articles[0].piece is None:
        whole = text(articles[0].told, "status")
    yield shipment.summary(None, whole, _whole_meaning(whole, len(articles)))
    for one in articles:
        status = text(one.told, "status")
        if one.piece is not None:
            yield shipment.summary(None, status, _status_meaning(status), piece=one.piece)


def _whole_meaning(status: str | None, articles: int) -> Meaning:
    meaning = _status_meaning(status)
    is_of_some = articles > 1 and folded(status or "") not in OF_ALL_ARTICLES
    return INFORMATION if is_of_some and meaning.stage is Stage.DELIVERED else meaning


def _status_meaning(status: str | None) -> Meaning:
    return STATUSES.get(folded(status or ""), NOT_MAPPED)


AUSTRALIAPOST: Final = AustraliaPost()
