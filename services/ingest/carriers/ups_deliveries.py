"""UPS's delivery codes (two characters beside type D): where it was left, or why it was not.

Not every D is a delivery: access points, agents and the sender get theirs with D too. Source: the table "delivery
codes" of UPS's tracking appendix; `FS` is the code of UPS's own sample messages. Pure.
"""

from typing import Final

from services.ingest.carriers.meanings import (
    ARRIVED,
    AT_LOCKER,
    AT_POST_OFFICE,
    BAD_ADDRESS,
    CLOSED,
    COLLECTED,
    CUSTOMS_HELD,
    CUSTOMS_RELEASED,
    DAMAGED,
    DELAYED,
    DELIVERED,
    DEPARTED,
    FOR_PICKUP,
    HANDED_TO_PARTNER,
    INFORMATION,
    NEIGHBOUR,
    NO_ACCESS,
    NOBODY_HOME,
    NOT_ATTEMPTED,
    NOT_COLLECTED,
    ON_VEHICLE,
    PROCESSED,
    REFUSED,
    RETURNED,
    SAFE_PLACE,
)
from services.ingest.carriers.ups_meanings import (
    AT_ACCESS_POINT,
    ATTEMPTED,
    CUSTOMS_ASKED,
    HELD,
    MAIL_ROOM,
    NOT_PAID,
    PICKUP_FAILED,
    REDIRECT_ASKED,
    REDIRECTED,
    WEATHER_DELAY,
    listed,
)

DELIVERIES: Final = listed(
    (ARRIVED, "2D F0"),
    (ATTEMPTED, "7K DO"),
    (AT_ACCESS_POINT, "2Q"),
    (AT_LOCKER, "1N"),
    (AT_POST_OFFICE, "EP"),
    (BAD_ADDRESS, "50 74 BO BS CU DZ F2 FC MV"),
    (CLOSED, "BI FO"),
    (COLLECTED, "2W A0"),
    # Somebody must send papers or answer first.
    (CUSTOMS_ASKED, "ET SG"),
    # With an authority or a broker: it waits for their word.
    (CUSTOMS_HELD, "70 B2 DK L4 RQ ST"),
    (CUSTOMS_RELEASED, "83 86 BN EZ"),
    (DAMAGED, "28 GK"),
    (DELAYED, "00 09 12 32 41 42 44 98 CB EF EG EI EK EL EM EQ"),
    # Where or with whom it was left: a front desk and a guard are no neighbours.
    (DELIVERED, "8O 9E FS FV M1 M2 M3 M4 M6 M7 M8 M9 MA MB MC MD ME MG MH MJ MK OO OZ PF UC YC ZG ZH"),
    (DEPARTED, "2J F3"),
    (FOR_PICKUP, "ZI ZQ"),
    (HANDED_TO_PARTNER, "F7 YH"),
    # Something must be decided first; what UPS may not carry, seized and destroyed ones too (R10: no end by a reason).
    (HELD, "61 62 BL BM LM RN"),
    # Requests, confirmations, contacts, claims and services: they move nothing.
    (INFORMATION, "1Z 2C 38 4X 7A 7B 8N 8Q EB EE F1 FD FI GW KU L6 MY SB SE TW UJ VS ZE"),
    (MAIL_ROOM, "M5"),
    (NEIGHBOUR, "3G 3H"),
    (NOBODY_HOME, "CI EA"),
    (NOT_ATTEMPTED, "57 FZ"),
    (NOT_COLLECTED, "5F"),
    (NOT_PAID, "DI"),
    (NO_ACCESS, "NS NX OE"),
    (ON_VEHICLE, "2K"),
    # The driver came to the sender in vain.
    (PICKUP_FAILED, "CO"),
    (PROCESSED, "85 EC"),
    (REDIRECTED, "FB"),
    (REDIRECT_ASKED, "AU HI"),
    (REFUSED, "53"),
    (RETURNED, "B0"),
    (SAFE_PLACE, "3F AI ML MM MN MP MQ MR MS MU MW MX NL NT P5 ZF"),
    (WEATHER_DELAY, "CR EJ"),
)
