"""UPS's exception codes (two characters beside type X): the reasons, by what they mean.

Numbers are written with two digits. Source: the table "package exceptions" of UPS's tracking appendix. A reason never
ends a parcel (rule R10): `ups_reading.py` sees to that. Pure.
"""

from typing import Final

from services.ingest.carriers.meanings import (
    ARRIVED,
    BAD_ADDRESS,
    CLOSED,
    COLLECTED,
    CUSTOMS_HELD,
    CUSTOMS_PRESENTED,
    CUSTOMS_RELEASED,
    DAMAGED,
    DELAYED,
    DELIVERED,
    DEPARTED,
    FOR_PICKUP,
    FORWARDED,
    HANDED_TO_PARTNER,
    INFORMATION,
    LABEL_VOIDED,
    NOBODY_HOME,
    NOT_COLLECTED,
    ON_VEHICLE,
    PICKED_UP,
    PROCESSED,
    REFUSED,
    RETURNING,
)
from services.ingest.carriers.ups_meanings import (
    AT_ACCESS_POINT,
    ATTEMPTED,
    CUSTOMS_ASKED,
    DAMAGED_BACK,
    EXPIRING,
    HELD,
    INVESTIGATION_CLOSED,
    MISLAID,
    MISSORTED,
    NOT_PAID,
    PAID,
    PAYMENT_DUE,
    PICKUP_FAILED,
    PROBLEM_RESOLVED,
    REDIRECT_ASKED,
    REDIRECTED,
    SEARCHED,
    WEATHER_DELAY,
    listed,
)

EXCEPTIONS: Final = listed(
    (ARRIVED, "3P F0 GD"),
    (ATTEMPTED, "3L 5Z 84 GB HQ IQ IR PI YD"),
    (AT_ACCESS_POINT, "6B 8I I5 ZP"),
    (
        BAD_ADDRESS,
        "4Z 95 A5 A6 A7 A8 A9 AA AB AC AD AE AF AG AK AL AV AW C8 CW CY DS DW E1 FA H1 H2 H3 H4 H5 OJ PH TF YF",
    ),
    (CLOSED, "3J 55 AY G3 L1 ZM"),
    (COLLECTED, "FT"),
    # Somebody must send papers or answer first.
    (
        CUSTOMS_ASKED,
        (
            "1W 29 2B 40 43 4T 71 7H 7P 7T 7U AO B5 B9 BA BB BD BE BG BH BJ BK BP CX CZ D0 DN DY EU EV EW FE FF "
            "GF GZ L2 L5 OQ OT R6 R7 RA RR RS RX S1 S2 S3 SJ SL SN SP VP X5 X6 X8 X9 XA XB XC XE XG XN XO XV XW"
        ),
    ),
    # With an authority or a broker: it waits for their word.
    (
        CUSTOMS_HELD,
        (
            "05 1U 2N 2T B4 B8 BW BX CE CF CN CP CT DE E4 E8 E9 ES L3 LV MI OB OI R1 R4 R5 RD RE RJ RM RP RU RZ "
            "SF SS SV T9 TE TG VK X2 X3 X7 XJ XK XL XY Y1 Y4 YA Z1"
        ),
    ),
    (CUSTOMS_PRESENTED, "4C 7I 7M B3 B6 BV C3 D5 DB ER HW S4 S5 SI SY TT X4 Y5"),
    (CUSTOMS_RELEASED, "DA XZ Z3"),
    (DAMAGED, "13 25 26 45 64 66 67 A2 A3 A4 AJ HD HE HR LQ TV"),
    (DAMAGED_BACK, "24 27 65 A1"),
    (
        DELAYED,
        (
            "01 02 03 04 08 11 14 15 16 17 18 19 1B 1K 1L 1O 1P 1Q 1V 1X 22 23 2H 2Y 2Z 31 33 3A 3B 3C 3T 3U 46 "
            "47 4K 4Y 68 6E 7G 7N 7Y 7Z 87 8A 8C 8E 8F 8K 8L 8R 8Y 8Z 9L 9M 9N 9O 9P 9Q 9R 9S 9T 9U 9V 9X 9Y 9Z "
            "AT AZ B1 C6 CC CD CK CL CM CQ D4 DC DG DQ DR DU E3 ED EH EN FG G1 GC GH GI GV H7 HA HG HH I8 IJ K1 "
            "K2 LE LF LH MT NP NW O6 OD OL OM P6 Q0 Q1 RO RY S6 S8 TH TI TN UK VD VL"
        ),
    ),
    (DELIVERED, "F4 KM"),
    (DEPARTED, "2O F3"),
    (EXPIRING, "5G"),
    # On its way to another place; what is only planned is REDIRECTED.
    (FORWARDED, "2X 5R 6R 77 89 HM VZ YG"),
    (FOR_PICKUP, "UE"),
    (HANDED_TO_PARTNER, "2V 4B 4H F7 LX OA RC VX Y9 ZK ZN ZV ZW"),
    # Something must be decided first; what UPS may not carry, seized and destroyed ones too (R10: no end by a reason).
    (
        HELD,
        (
            "1F 1G 1H 4P 4Q 4R 5T 60 72 73 7R 7S 8D 9F BF BZ C9 CA CH CJ CV D2 DP EX G6 G9 H9 HK HN HO I2 IY J0 "
            "LI MF NI OR OS T3 TC TX U0 U3 UG UN UR US XS XU Y7 YL YU YV"
        ),
    ),
    # Requests, confirmations, contacts, claims and services: they move nothing.
    (
        INFORMATION,
        (
            "1A 1T 2E 2G 2R 2S 2U 30 39 3Q 3S 3W 3Z 4L 4M 4N 54 56 59 5B 5U 5W 63 6I 6J 6L 6X 6Z 76 7E 7Q 8M 93 "
            "99 9C 9D 9J 9K BQ BR BT CS D7 DD DT E2 FN GO HJ I3 J9 K5 K6 K7 KN KO L0 L8 LN LO LZ O5 O8 O9 R3 R8 "
            "RF RG RH RW S0 S7 SO SU T5 T6 T7 T8 TA TK TL TO TR TS UL UT UW UZ V9 VA VB VE VF VG VH VI VJ VN VQ "
            "VR VU VV VW Y2 Y3 YS Z7 Z8 ZL ZO ZU"
        ),
    ),
    (INVESTIGATION_CLOSED, "5A 6W GN GQ GR I9"),
    (LABEL_VOIDED, "5D"),
    # Lost and found: it is being looked for. Only description 068 says that it is lost.
    (MISLAID, "S9 TJ YM"),
    (MISSORTED, "06 07 34 8G D1 YI"),
    (NOBODY_HOME, "48 49 7L AX C4 FM G7 G8 KX OH"),
    (NOT_COLLECTED, "3N 6C"),
    (NOT_PAID, "51 52 KZ"),
    (ON_VEHICLE, "RK RL ZS"),
    (PAID, "1D 92 E7"),
    (PAYMENT_DUE, "1C 6T 7F 91 C7 D9 EY"),
    (PICKED_UP, "HF P4 Z5"),
    # The driver came to the sender in vain.
    (PICKUP_FAILED, "G4 G5 KY YW"),
    (PROBLEM_RESOLVED, "1M X0"),
    (PROCESSED, "4F 4I 4J 6P CG EO HL IB IP J8 LY P7 PG RB SX UI W8 XD YR YT YX ZX ZY ZZ"),
    (REDIRECTED, "37 3R 3V 5S 5V 6G 6H 6K 79 7C 7D 9I AH E0 JA JB JC JJ K8 LU O2 O7 RI VM ZB ZC ZD"),
    (REDIRECT_ASKED, "78 F5 FW H6 JH JI O1 O3 T4 TB UD ZA"),
    (REFUSED, "8H AM AN AP AQ AS KI KQ KR KS KT YE"),
    # Also what says "has returned": told while it travels back; description 034 says that it is there.
    (RETURNING, "4S 90 DL H8 I1 KP O0 O4 PP RV TU UA UF YJ YK"),
    (SEARCHED, "F8 UO UP UX"),
    (WEATHER_DELAY, "1E 2A 3D 6D 7V 7W 7X C5 DF DJ PZ"),
)
