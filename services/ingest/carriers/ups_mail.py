"""UPS Mail Innovations: the codes of parcels that a post delivers, by what they mean.

The same two characters mean other things for a parcel of UPS's own. Source: the table "Mail Innovations" of UPS's
tracking appendix. Pure.
"""

from typing import Final

from services.ingest.carriers.meanings import (
    ARRIVED,
    AT_DELIVERY_OFFICE,
    AT_POST_OFFICE,
    BAD_ADDRESS,
    COLLECTED,
    CUSTOMS_HELD,
    CUSTOMS_PRESENTED,
    CUSTOMS_RELEASED,
    DAMAGED,
    DELAYED,
    DELIVERED,
    DEPARTED,
    DISPOSED,
    FOR_PICKUP,
    FORWARDED,
    HANDED_TO_PARTNER,
    INFORMATION,
    LABEL_CREATED,
    LOST,
    NO_ACCESS,
    NOBODY_HOME,
    NOT_COLLECTED,
    ON_VEHICLE,
    PICKED_UP,
    PROCESSED,
    REFUSED,
    RETURNED,
    RETURNING,
    SIGNED,
)
from services.ingest.carriers.ups_meanings import (
    AT_ACCESS_POINT,
    AT_DESTINATION,
    ATTEMPTED,
    CUSTOMS_ASKED,
    DAMAGED_BACK,
    EXPIRING,
    HELD,
    MISLAID,
    MISSORTED,
    ON_VEHICLE_UNPAID,
    PAYMENT_DUE,
    WEATHER_DELAY,
    listed,
)

MAIL: Final = listed(
    (ARRIVED, "DZ Q2 YI ZV ZZ"),
    (ATTEMPTED, "DW EM P6 QS QT QW RF RG"),
    (AT_ACCESS_POINT, "P0 PC"),
    (AT_DELIVERY_OFFICE, "DQ YH"),
    (AT_DESTINATION, "MZ P2"),
    (AT_POST_OFFICE, "1C 1D RP"),
    (BAD_ADDRESS, "EE EF EG EH PI PN QZ R0 R5 RH RJ RK RM RR YF YJ YK"),
    (COLLECTED, "1E 1G PP"),
    # Somebody must send papers or answer first.
    (CUSTOMS_ASKED, "PO QA QB QC QD QE QF QG QH QI QJ QK QP"),
    # With an authority or a broker: it waits for their word.
    (CUSTOMS_HELD, "PD PK QL QM QN QQ"),
    (CUSTOMS_PRESENTED, "MS P4 Q6"),
    (CUSTOMS_RELEASED, "P5 Q7"),
    (DAMAGED, "PX QR QV R3"),
    (DAMAGED_BACK, "PH SG XD"),
    (DELAYED, "EC PM"),
    (DELIVERED, "F4 P1 RQ YC"),
    (DEPARTED, "DR DY MW Q4 ZN ZR ZU"),
    # Seized and/or destroyed: it comes nowhere any more.
    (DISPOSED, "RS RT RU RV RW RX RY RZ S0 S1 S2 S3 YL"),
    (EXPIRING, "PE"),
    # On its way to another place; what is only planned is REDIRECTED.
    (FORWARDED, "S4 S5 S6 S7 S8 YG"),
    (FOR_PICKUP, "AU DN R1 SO"),
    (HANDED_TO_PARTNER, "ZW ZX"),
    # Something must be decided first.
    (HELD, "00 ED Q5 Q8 Q9 QY R4 R6 R8 RL YD"),
    # Requests, confirmations, contacts, claims and services: they move nothing.
    (INFORMATION, "DM DP EB MT"),
    (LABEL_CREATED, "2N ML MP MQ PF Q0 ZY"),
    (LOST, "R9"),
    # Sent to where lost mail is looked through.
    (MISLAID, "YM"),
    (MISSORTED, "RN SN"),
    (NOBODY_HOME, "DX QU R2 RI SR"),
    (NOT_COLLECTED, "EI KP PJ RA SJ"),
    (NO_ACCESS, "DO DU DV ZM"),
    (ON_VEHICLE, "1A EL P9 RB RD RE"),
    (ON_VEHICLE_UNPAID, "RC"),
    (PAYMENT_DUE, "R7"),
    (PICKED_UP, "2O MV PA Q1 VS XA"),
    (PROCESSED, "1B DS EN MR MU MX MY OF P3 P7 P8 PB Q3 ZS ZT"),
    (REFUSED, "PG PL PU QX YE"),
    (RETURNED, "SQ"),
    # Also what says "has returned": told while it travels back; description 034 says that it is there.
    (RETURNING, "1F EJ EK PQ PR PS PT PV PW S9 SA SB SC SD SE SF SH SI SK SL SM SP XO"),
    (SIGNED, "DL"),
    (WEATHER_DELAY, "EA PY"),
)
