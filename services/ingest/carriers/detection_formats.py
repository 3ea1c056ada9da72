"""The formats of tracking numbers, one row each: shape, carrier, check digit, and how far a match is to be trusted.

A row says what it takes to be a candidate; `detection.py` says what a candidate is worth. Rows of carriers that we
take no webhooks from stand here too where their numbers look like those of a carrier that we do: leaving them out
would make a guess look like knowledge. International numbers (S10) are in `detection_posts.py`. Pure.
"""

import re
from dataclasses import dataclass
from typing import Final

from services.ingest.carriers.check_digits import (
    FEDEX,
    GLS,
    GS1,
    IDENTCODE,
    LUHN,
    MOD7,
    MOD37_36,
    UPS,
    CheckDigit,
    behind,
)

#: Written down by the carrier itself, and the usual form of its numbers.
DOCUMENTED: Final = 1.0
#: Agreed on by public collections of real numbers, not by a specification that anybody can read.
COLLECTED: Final = 0.9
#: Real, but seldom, on its way out, or shown to hold for a part of such numbers only.
SELDOM: Final = 0.6
#: A shape that the carrier uses and many others do too.
VAGUE: Final = 0.4

_COLLECTION: Final = "public collections of tracking numbers"


@dataclass(frozen=True, slots=True)
class Format:
    """One form of a carrier's numbers."""

    carrier: str
    service: str
    pattern: re.Pattern[str]
    """Matches the whole cleaned number. What the check digit covers is the group `checked`, else all of it."""
    check: CheckDigit | None
    fixed: int
    """How many digits' worth the format prescribes: a prefix counts for what it leaves out (one of seven pairs of
    digits: 1), and so do letters where few others print letters."""
    trust: float
    source: str


def _row(
    carrier: str,
    service: str,
    pattern: str,
    check: CheckDigit | None = None,
    *,
    fixed: int = 0,
    trust: float = COLLECTED,
    source: str = _COLLECTION,
) -> Format:
    return Format(carrier, service, re.compile(pattern), check, fixed, trust, source)


_USPS_IMPB: Final = "USPS Publication 199 (Intelligent Mail package barcode)"
_FEDEX_LABELS: Final = "FedEx Ground label and barcode specification"
_DHL_LABELS: Final = "DHL, list of tracking identifiers"
_DPD_LABELS: Final = "DPD parcel label specification"
_GLS_UNIBOX: Final = "GLS Uni-Box documentation"
_AUSPOST: Final = "Australia Post, parcel label guide"

FORMATS: Final = (
    # --- UPS
    _row(
        "ups",
        "UPS",
        r"1Z(?P<checked>[0-9A-Z]{15}[0-9])",
        UPS,
        fixed=2,
        trust=DOCUMENTED,
        source="UPS, guide to tracking numbers",
    ),
    _row("ups", "UPS (old form)", r"T[0-9]{10}", fixed=1, trust=SELDOM),
    _row("ups", "UPS Freight", r"[0-9]{9}", trust=VAGUE),
    _row("ups-mail-innovations", "UPS Mail Innovations", r"MI[0-9]{6}[0-9A-Z]{1,22}", fixed=2),
    # --- FedEx
    _row("fedex", "FedEx Express", r"[0-9]{12}", FEDEX),
    _row("fedex", "FedEx Ground", r"[0-9]{15}", GS1, source=_FEDEX_LABELS),
    _row("fedex", "FedEx Ground (SSCC)", r"0[0-4][0-9]{16}", GS1, fixed=1, trust=SELDOM, source=_FEDEX_LABELS),
    _row("fedex", "FedEx Ground 96", r"96[0-9]{5}(?P<checked>[0-9]{15})", GS1, fixed=2, source=_FEDEX_LABELS),
    _row("fedex", "FedEx Ground Economy", r"92(?:61[29]|748)[0-9]{17}", GS1, fixed=4),
    # Printed without the 92 that the check digit counts.
    _row("fedex", "FedEx Ground Economy (20)", r"61[0-9]{18}", behind("92", GS1), fixed=2),
    _row("fedex", "FedEx Express (34)", r"100[0-9]{17}(?P<checked>[0-9]{14})", FEDEX, fixed=3),
    _row("fedex", "FedEx Ground (34)", r"96[0-9]{18}(?P<checked>[0-9]{14})", FEDEX, fixed=2),
    _row("fedex", "FedEx door tag", r"DT[0-9]{12}", fixed=2, source="FedEx, how to track a door tag"),
    # --- USPS
    _row("usps", "USPS IMpb", r"9[2-5][0-9]{20}", GS1, fixed=1, trust=DOCUMENTED, source=_USPS_IMPB),
    _row("usps", "USPS IMpb (26)", r"9[2-5][0-9]{24}", GS1, fixed=1, trust=DOCUMENTED, source=_USPS_IMPB),
    _row("usps", "USPS legacy 91", r"91[0-9]{20}", GS1, fixed=2, source=_USPS_IMPB),
    _row("usps", "USPS IMpb with ZIP", r"420[0-9]{5}(?P<checked>9[1-5][0-9]{20})", GS1, fixed=4, source=_USPS_IMPB),
    _row(
        "usps", "USPS IMpb (26) with ZIP", r"420[0-9]{5}(?P<checked>9[2-5][0-9]{24})", GS1, fixed=4, source=_USPS_IMPB
    ),
    _row("usps", "USPS IMpb with ZIP+4", r"420[0-9]{9}(?P<checked>9[1-5][0-9]{20})", GS1, fixed=4, source=_USPS_IMPB),
    _row("usps", "USPS 20", r"(?:03|23|70|71|73|77|81)[0-9]{18}", GS1, fixed=1),
    _row("usps", "USPS 20 (any service)", r"[0-9]{20}", GS1, trust=SELDOM),
    # The same numbers printed without the 91 that the check digit counts.
    _row("usps", "USPS 20 without 91", r"7[0-9]{19}", behind("91", GS1), fixed=1, trust=SELDOM),
    # --- DHL
    _row("dhl-express", "DHL Express waybill", r"[0-9]{10}", MOD7, source=_DHL_LABELS),
    _row("dhl-express", "DHL Express waybill (11)", r"[0-9]{11}", MOD7, trust=SELDOM),
    _row("dhl-express", "DHL Express piece", r"J?JD0[01][0-9]{8,18}", fixed=4, trust=SELDOM, source=_DHL_LABELS),
    _row("dhl-express", "DHL Express piece (JVGL)", r"JVGL[0-9]{9,20}", fixed=4, trust=SELDOM, source=_DHL_LABELS),
    _row("dhl-parcel-nl", "DHL Parcel (JVGL)", r"JVGL[0-9]{9,20}", fixed=4, trust=SELDOM, source=_DHL_LABELS),
    _row("dhl-parcel-nl", "DHL Parcel (3S)", r"3S[0-9A-Z]{11,15}", fixed=2, trust=VAGUE, source=_DHL_LABELS),
    _row(
        "dhl-ecommerce",
        "DHL eCommerce",
        r"(?:GM|LX|RX|UV|CN|SG|TH|IN|HK|MY)[0-9]{10,37}",
        fixed=1,
        source=_DHL_LABELS,
    ),
    _row("dhl-ecommerce", "DHL eCommerce by USPS", r"9(?:361289|374869|261290)[0-9]{15}", GS1, fixed=6),
    _row(
        "dhl-parcel-de", "DHL Paket", r"0034[0-9]{16}", GS1, fixed=4, trust=DOCUMENTED, source="GS1 SSCC of DHL Paket"
    ),
    _row("dhl-parcel-de", "DHL Paket identcode", r"[0-9]{12}", IDENTCODE, source="Deutsche Post, Identcode"),
    _row("dhl-parcel-de", "DHL Paket (JJD)", r"JJD(?:[0-9]{13}|[0-9]{18})", fixed=3, trust=SELDOM),
    # --- Canada, Australia
    _row("canada-post", "Canada Post", r"[0-9]{16}", GS1),
    _row("purolator", "Purolator", r"[0-5][0-9]{11}", LUHN),
    _row("purolator", "Purolator (letters)", r"[A-Z]{3}[0-9]{9}", fixed=1, trust=SELDOM),
    _row(
        "australia-post", "Australia Post article", r"(?=.*[A-Z])(?!JJD)[0-9A-Z]{3}[0-9]{18}", fixed=1, source=_AUSPOST
    ),
    _row("australia-post", "Australia Post article (5)", r"(?=.*[A-Z])[0-9A-Z]{5}[0-9]{18}", fixed=1, source=_AUSPOST),
    _row("australia-post", "Australia Post article (digits)", r"[0-9]{21}|[0-9]{23}", source=_AUSPOST, trust=SELDOM),
    _row(
        "australia-post",
        "Australia Post barcode",
        r"019931265099999891[0-9A-Z]{16,23}",
        fixed=18,
        trust=DOCUMENTED,
        source=_AUSPOST,
    ),
    _row(
        "australia-post",
        "Australia Post consignment",
        r"(?=.*[A-Z])[0-9A-Z]{3}[0-9]{7}",
        fixed=1,
        source=_AUSPOST,
        trust=VAGUE,
    ),
    # --- Amazon, OnTrac and LaserShip
    _row("amazon-shipping", "Amazon Logistics", r"TB[ACM][0-9]{12}", fixed=3),
    _row("amazon-shipping", "Amazon Logistics Europe", r"(?:DE|ES|FR|IT|QA|QB|UK)[0-9]{10}", fixed=1, trust=SELDOM),
    _row("ontrac", "OnTrac", r"[CD][0-9]{14}", UPS, fixed=1),
    _row("lasership", "LaserShip", r"1LS[0-9]{12}|1LS7[12][0-9]{2}01[1-4][0-9]{6}-1", fixed=3),
    _row("lasership", "LaserShip LX", r"LX1[3-8][0-9]{6}", fixed=3),
    # --- DPD, GLS and who prints numbers like theirs
    _row("dpd-uk", "DPD UK", r"1[56][0-9]{12}[0-9A-Z]", MOD37_36, fixed=2, source=_DPD_LABELS),
    _row("dpd-uk", "DPD UK without check", r"1[56][0-9]{12}", fixed=2, trust=SELDOM, source=_DPD_LABELS),
    _row("dpd-uk", "DPD UK consignment", r"[0-9]{10}", trust=VAGUE),
    _row(
        "dpd-uk",
        "DPD UK label",
        r"[0-9A-Z]{7}1[56][0-9]{12}[0-9]{6}[0-9A-Z]",
        MOD37_36,
        fixed=2,
        source=_DPD_LABELS,
    ),
    _row("dpd", "DPD", r"(?!1[56])[0-9]{14}[0-9A-Z]", MOD37_36, source=_DPD_LABELS),
    _row("dpd", "DPD (number of DPD UK)", r"1[56][0-9]{12}[0-9A-Z]", MOD37_36, trust=SELDOM, source=_DPD_LABELS),
    _row("dpd", "DPD without check", r"[0-9]{14}", source=_DPD_LABELS),
    _row("dpd", "DPD label", r"[0-9A-Z]{7}(?!1[56])[0-9]{20}[0-9A-Z]", MOD37_36, source=_DPD_LABELS),
    _row("hermes-de", "Hermes", r"[0-9]{14}", GS1, trust=SELDOM),
    _row("gls", "GLS", r"[0-9]{12}", GLS, source=_GLS_UNIBOX),
    _row("gls", "GLS without check", r"[0-9]{11}", source=_GLS_UNIBOX),
    _row("gls", "GLS track id", r"(?=.*[A-Z])(?=.*[0-9])[0-9A-Z]{8}", trust=VAGUE, source=_GLS_UNIBOX),
    _row("yodel", "Yodel", r"J?JD0002[0-9]{12}", fixed=6),
    _row("postnl", "PostNL", r"3S[0-9A-Z]{11,15}", fixed=2),
    _row("yunexpress", "YunExpress", r"YT[0-9]{16}", fixed=2),
)
"""Every format but S10. The order says nothing."""
