"""Canada Post's event identifiers as data, keyed without leading zeros.

Source: Canada Post's own table "Tracking scan events" (developer program, messages and code tables) with its English
text, as public code quotes it, checked against recorded answers. Rows without a text there are marked: they are known
to be failures or deliveries, and no more. The identifiers 610 to 620 ("item is at recipient's front door") are left out
on purpose: nobody says whether they are deliveries, so they stay unmapped. Pure.
"""

import re
from dataclasses import replace
from typing import Final

from schemas.vocabulary import Condition, Leg, Stage
from services.ingest.carriers.meanings import (
    ARRIVED,
    AT_DELIVERY_OFFICE,
    AT_LOCKER,
    AT_POST_OFFICE,
    CLOSED,
    COLLECTED,
    CUSTOMS_HELD,
    CUSTOMS_PRESENTED,
    CUSTOMS_RELEASED,
    DAMAGED,
    DELAYED,
    DELIVERED,
    DEPARTED,
    DISPOSED,
    DROPPED_OFF,
    EXCEPTION,
    FOR_PICKUP,
    FORWARDED,
    HANDED_TO_PARTNER,
    INFORMATION,
    INFORMATIONAL,
    LABEL_CREATED,
    LABEL_VOIDED,
    NOBODY_HOME,
    NOT_COLLECTED,
    NOT_MAPPED,
    ON_VEHICLE,
    PICKED_UP,
    PROCESSED,
    RETURNED,
    RETURNING,
    SAFE_PLACE,
    SIGNED,
    Meaning,
    moving,
    problem,
)

_MAIL_ROOM: Final = Meaning(Stage.DELIVERED, "mail_room")
_ABROAD: Final = moving("at_destination_country")
_HELD: Final = problem("held", Condition.HELD)
_WRONG_ADDRESS: Final = problem("bad_address", Condition.ADDRESS_PROBLEM, Condition.DELAYED)
_NEXT_DAY: Final = problem("rescheduled", Condition.DELAYED)
_BACK_FOR_ADDRESS: Final = replace(RETURNING, sets=(Condition.ADDRESS_PROBLEM,))
_BACK_FOR_PAPERS: Final = replace(RETURNING, sets=(Condition.DOCUMENTS_MISSING,))
_BACK_REFUSED: Final = replace(RETURNING, sets=(Condition.REFUSED,))
_REDIRECT_ASKED: Final = problem(INFORMATIONAL, Condition.REDIRECT_PENDING)
_REDIRECT_ENDED: Final = Meaning(None, INFORMATIONAL, clears=(Condition.REDIRECT_PENDING,))

_ROWS: Final[tuple[tuple[str, Meaning], ...]] = (
    # Before Canada Post has it.
    ("3000", LABEL_CREATED),
    ("3002", replace(LABEL_CREATED, leg=Leg.RETURN)),  # return label created
    ("190", LABEL_VOIDED),  # "retail transaction has been voided": it was never mailed
    # Handed over.
    ("2300 4000", PICKED_UP),  # 4000: mailed in the country of origin
    ("1300 1301 1302", DROPPED_OFF),
    ("1303", replace(DROPPED_OFF, leg=Leg.RETURN)),
    # On its way. 1703 and 1705 are on the way to a counter or a locker, not there.
    ("100 102 104 105 106 107 170 175 804 815 1240 1241 1244 1703 1705 2500 2501 4100 4550", PROCESSED),
    ("113 400 405 4900", ARRIVED),
    ("114 410 4202 4950 8901", DEPARTED),
    ("115 116", HANDED_TO_PARTNER),
    ("1480 1490", FORWARDED),  # redirected to the recipient's new address
    ("629 630", FORWARDED),  # taken from the locker to a post office that is still to be told
    ("700 4310 4311", _ABROAD),
    ("4600", AT_DELIVERY_OFFICE),
    ("701 800 2601 4330 4400", CUSTOMS_PRESENTED),
    ("127 810 1487 1495", CUSTOMS_HELD),  # 1487 and 1495: back to customs, the duties are appealed
    ("130 900 910 4450 4500 5201", CUSTOMS_RELEASED),
    # At the door.
    ("174 500", ON_VEHICLE),
    ("1479", NOBODY_HOME),  # card left; where it waits is told by 1701 or 1435, often minutes before
    ("1411 2411", CLOSED),
    ("1443", Meaning(Stage.ATTEMPTED, "rescheduled")),
    ("621 622 623 624 625 626 627 628 1414 1444 2414", _NEXT_DAY),
    # At the counter. 1410 and 2410: held there because the recipient asked.
    ("1407 1410 2407 2410", FOR_PICKUP),
    ("1435 1436 1437 1438 1488 1701", AT_POST_OFFICE),
    ("156", replace(AT_POST_OFFICE, sets=(Condition.PICKUP_EXPIRING,))),  # final notice
    ("1405", AT_LOCKER),  # "delivered to automated parcel locker": the recipient still has to fetch it
    # Delivered. 1497 and 1499 have no text of their own.
    ("1471 1472 1476 1496 1497 1498 1499", DELIVERED),
    ("1408 1409", SIGNED),
    ("1421 1422 1423 1424 1428 1429 1430 1431", SAFE_PLACE),  # front, side or back door, garage
    ("1426 1427 1433 1434", SAFE_PLACE),  # parcel box, safe drop location
    ("1425 1432 1461 1462", _MAIL_ROOM),  # concierge, superintendent
    ("1463 1465 1466 1467 1468 1469 1473 1475", _MAIL_ROOM),
    ("1441 1442", Meaning(Stage.DELIVERED, "to_recipient")),  # community mailbox: the recipient's own, unlike 1405
    ("1406", COLLECTED),
    # In its way.
    ("171 173 1412 2412", _WRONG_ADDRESS),
    ("120", problem("bad_address", Condition.ADDRESS_PROBLEM, Condition.HELD)),
    ("117", problem("held", Condition.HELD, Condition.DOCUMENTS_MISSING)),
    ("118 121 1450 1484 1494 4700", _HELD),
    ("159", problem("exception", Condition.WEATHER, Condition.DELAYED)),
    ("160 161 162 163", DELAYED),  # authorities, strike, transport, power
    ("172", problem("missorted", Condition.MISSORTED, Condition.DELAYED)),
    ("710", DAMAGED),
    ("179 1483 1493 4650", EXCEPTION),  # "cannot be delivered; more details to be provided"
    ("180 185 186 187 188 189 1485 1486 1489", EXCEPTION),  # failures without a text of their own
    # Back to the sender.
    ("167 168 169 181 183 184 1100 1418 1420 2600 2802 3001", RETURNING),
    ("182", _BACK_FOR_PAPERS),
    ("1415 1416 1481 1491", _BACK_FOR_ADDRESS),
    ("1417 1482 1492", _BACK_REFUSED),
    ("1419", NOT_COLLECTED),
    ("150", DISPOSED),  # hold period expired
    # Beside the parcel: kept, and nothing moves.
    ("20 21 2001", INFORMATION),  # signature image, verbal signature, photo: `PROOFS` says which proof exists
    ("152 2101", INFORMATION),  # the money of a cash-on-delivery parcel
    ("198 1200 1203 1214 1215 1216", INFORMATION),  # label corrected, date updated, duty refunds
    ("1220 1221 1223 1224 1225", INFORMATION),  # the recipient's delivery preference
    ("1210", Meaning(None, INFORMATIONAL, clears=(Condition.PAYMENT_DUE,))),
    ("1230 1232", _REDIRECT_ASKED),
    ("1234 1245", _REDIRECT_ENDED),
)

EVENTS: Final = {code: meaning for codes, meaning in _ROWS for code in codes.split()}

#: Informational codes that say a proof of delivery can be had.
PROOFS: Final = {"20": "signature", "2001": "photo"}

#: `event-type` of a tracking summary. INDUCTION is said of a mere order too, so it is no more than that here.
EVENT_TYPES: Final = {
    "INDUCTION": LABEL_CREATED,
    "OUT": ON_VEHICLE,
    "ATTEMPTED": NOBODY_HOME,
    "AVAIL_PICKUP": FOR_PICKUP,
    "TO_RETAIL": PROCESSED,
    "DELIVERED": DELIVERED,
}

#: The final notice only threatens a return.
_NOT_YET_BACK: Final = frozenset({"156"})
#: Codes of the way out are used on the way back too; then the wording is all that tells, in either language.
_BACK: Final = re.compile(
    r"\breturn(ed|ing)? (item |article )?to (the |its )?(original )?sender\b"
    r"|\b(re(tourn|nvoy)(é|er|e)e?) .{0,40}l'exp(éditeur|\.)",
    re.IGNORECASE,
)


def meaning_of(code: str | None, wording: str | None) -> Meaning:
    """Return what an event identifier means; unknown ones are unmapped, whatever they say."""
    plain = plain_code(code)
    found = EVENTS.get(plain)
    if found is None:
        return NOT_MAPPED
    if plain in _NOT_YET_BACK:
        return found
    return on_the_way_back(found, wording)


def on_the_way_back(meaning: Meaning, wording: str | None) -> Meaning:
    """Return a meaning as its wording directs it: what is delivered to the sender has come back (rule R6)."""
    if wording is None or meaning.leg is Leg.RETURN or not _BACK.search(wording):
        return meaning
    if meaning.stage is Stage.DELIVERED:
        return RETURNED
    return RETURNING if meaning.stage is None else replace(meaning, leg=Leg.RETURN)


def plain_code(code: str | None) -> str:
    """Return an identifier without leading zeros: 0174 and 174 are one."""
    return (code or "").strip().lstrip("0")
