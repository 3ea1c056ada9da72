"""Freight that UPS's Track API knows: steps (three digits) and exceptions (two characters), by what they mean.

The same two characters mean other things for a parcel. Source: the tables "freight forwarding activity" and "freight
exception codes" of UPS's tracking appendix. Pure.
"""

from typing import Final

from services.ingest.carriers.meanings import (
    ARRIVED,
    AT_DELIVERY_OFFICE,
    BAD_ADDRESS,
    CLOSED,
    CUSTOMS_HELD,
    CUSTOMS_PRESENTED,
    CUSTOMS_RELEASED,
    DAMAGED,
    DELAYED,
    DELIVERED,
    DEPARTED,
    EXCEPTION,
    FORWARDED,
    HANDED_TO_PARTNER,
    INFORMATION,
    LABEL_CREATED,
    LABEL_VOIDED,
    ON_VEHICLE,
    PICKED_UP,
    PROCESSED,
    REFUSED,
    RETURNING,
)
from services.ingest.carriers.ups_meanings import (
    APPOINTMENT,
    AT_DESTINATION,
    ATTEMPTED,
    CUSTOMS_ASKED,
    DOCUMENTS,
    HELD,
    MISSORTED,
    PAYMENT_DUE,
    PICKUP_FAILED,
    PICKUP_PLANNED,
    REDIRECTED,
    SEARCHED,
    WEATHER_DELAY,
    listed,
)

FREIGHT_STEPS: Final = listed(
    (ARRIVED, "007 029 040 049 052"),
    (AT_DELIVERY_OFFICE, "030"),
    (AT_DESTINATION, "031"),
    (CUSTOMS_PRESENTED, "043 056 067 068 069 070"),
    (CUSTOMS_RELEASED, "009 027"),
    (DAMAGED, "053 058"),
    (DELIVERED, "012 050"),
    (DEPARTED, "005 028 073 080"),
    (EXCEPTION, "013"),
    (HANDED_TO_PARTNER, "010"),
    # Requests, confirmations, contacts, claims and services: they move nothing.
    (INFORMATION, "000 003 004 006 020 022 032 033 034 035 036 039 041 042 045 047 054 072"),
    (LABEL_CREATED, "001 037 038"),
    (LABEL_VOIDED, "014"),
    (ON_VEHICLE, "011 055 057 060"),
    (PICKED_UP, "002 017 051"),
    (PICKUP_PLANNED, "059 061 074"),
    (PROCESSED, "015 016 044 046 048 062 063 065 066"),
)

FREIGHT_EXCEPTIONS: Final = listed(
    (APPOINTMENT, "DE"),
    (ATTEMPTED, "02 IE"),
    (BAD_ADDRESS, "UG"),
    (CLOSED, "UF"),
    # Somebody must send papers or answer first.
    (CUSTOMS_ASKED, "24 25 26 56 84 G3 G5 I2"),
    # With an authority or a broker: it waits for their word.
    (CUSTOMS_HELD, "11 35 61 99 A1 A2 A3 C7 EC HC HG IT"),
    (CUSTOMS_RELEASED, "E4 EX"),
    (DAMAGED, "06 12 14 15 16 17 27 31 36 80 97 E8 E9 IC TE TI UJ"),
    (
        DELAYED,
        (
            "01 03 04 18 19 20 22 32 38 39 40 41 42 43 44 46 48 49 51 53 55 59 62 64 66 67 71 72 73 75 76 77 79 "
            "82 87 88 89 90 91 92 94 98 A4 AR BL BM BP C3 D3 DH E2 EF F3 FX GD HA HD HN I4 I5 I6 IJ IK IL IM IN "
            "IO IP MB MS SA TM U2 U4 U6 UL UM UQ UZ"
        ),
    ),
    (DOCUMENTS, "47 52 57 70 74 DP HE I1 I3 IF IG IQ LD"),
    # On its way to another place; what is only planned is REDIRECTED.
    (FORWARDED, "83 85 E6"),
    # Something must be decided first.
    (HELD, "07 33 50 54 65 69 95 DG F2 G4 HF HU IA U3 UI UK"),
    # Requests, confirmations, contacts, claims and services: they move nothing.
    (INFORMATION, "08 09 10 21 28 29 30 60 63 68 78 81 93 A5 AS B3 B4 B6 B7 B8 B9 C0 D2 DX E5 F1 G1 G2 IS"),
    (LABEL_VOIDED, "SC"),
    (MISSORTED, "96 MR"),
    (PAYMENT_DUE, "58 IH II UH"),
    # The driver came to the sender in vain.
    (PICKUP_FAILED, "UN"),
    (REDIRECTED, "E1"),
    (REFUSED, "D1 D4 D5 E7 RF UY"),
    # Also what says "has returned": told while it travels back; description 034 says that it is there.
    (RETURNING, "86"),
    (SEARCHED, "34 LC PS UX"),
    (WEATHER_DELAY, "05 45 BW"),
)
