"""Carriers: one canonical slug each, with the names shops use and the codes providers use for it.

Slugs are part of every shipment key, so they never change. A name nobody listed becomes a slug of its own
(`is_known` is false for it: counted and listed by its users); the order event *shipment corrected* mends a wrong one.
Sources: the carrier lists of EasyPost, AfterShip, Shippo, 17TRACK, ShipEngine, Sendcloud.
"""

import hashlib
import re
import unicodedata
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import quote

_NOT_ALNUM = re.compile(r"[^a-z0-9]+")
MAX_SLUG = 40


@dataclass(frozen=True, slots=True)
class Carrier:
    """A carrier: slug, the name people read, names used by shops, and (provider, code) aliases."""

    slug: str
    name: str
    aliases: tuple[str, ...] = ()
    codes: tuple[tuple[str, str], ...] = field(default=())
    tracking_page: str | None = None
    """The carrier's own page, with `{number}` where the number belongs."""


_CARRIERS: Final = (
    Carrier(
        "ups",
        "UPS",
        ("United Parcel Service", "UPS DAP", "UPSDAP"),
        (("track17", "100002"),),
        "https://www.ups.com/track?tracknum={number}",
    ),
    Carrier("ups-mail-innovations", "UPS Mail Innovations", ("UPSMailInnovations", "ups mi")),
    Carrier(
        "usps",
        "USPS",
        ("United States Postal Service", "US Postal Service", "stamps_com", "Stamps.com", "endicia"),
        (("shipengine", "stamps_com"), ("track17", "21051")),
        "https://tools.usps.com/go/TrackConfirmAction?tLabels={number}",
    ),
    Carrier(
        "fedex",
        "FedEx",
        ("Federal Express", "FedexDefault", "FedEx Ground", "FedEx Express", "fedex_uk"),
        (("track17", "100003"),),
        "https://www.fedex.com/fedextrack/?trknbr={number}",
    ),
    Carrier(
        "dhl-express",
        "DHL Express",
        ("DHLExpress", "dhl_express", "dhl express worldwide"),
        (("track17", "100001"), ("aftership", "dhl"), ("shipengine", "dhl_express_worldwide")),
        "https://www.dhl.com/en/express/tracking.html?AWB={number}",
    ),
    Carrier(
        "dhl-ecommerce",
        "DHL eCommerce",
        ("DhlEcs", "DHLGlobalMail", "dhl global mail", "dhl_ecommerce", "DHL eCommerce Americas"),
        (("track17", "7047"),),
    ),
    Carrier("dhl-parcel-de", "DHL Paket", ("DHL Germany", "Deutsche Post DHL", "dhl_parcel_de", "dhl_de")),
    Carrier("deutsche-post", "Deutsche Post", ("DeutschePost", "deutsche_post")),
    Carrier(
        "royal-mail",
        "Royal Mail",
        ("RoyalMail", "royal_mail", "Royal Mail Tracked 24", "Royal Mail Tracked 48"),
        (("track17", "11031"),),
        "https://www.royalmail.com/track-your-item#/tracking-results/{number}",
    ),
    Carrier("parcelforce", "Parcelforce", ("Parcelforce Worldwide", "parcel force")),
    Carrier("evri", "Evri", ("Hermes UK", "myHermes", "hermes_uk")),
    Carrier("hermes-de", "Hermes Germany", ("Hermes", "hermes_de")),
    Carrier("dpd", "DPD", ("DPD Germany", "dpd_de"), (("track17", "100007"),)),
    Carrier("dpd-uk", "DPD UK", ("DPD Local", "dpd_uk", "DPDUK"), (("track17", "100010"),)),
    Carrier("gls", "GLS", ("General Logistics Systems", "gls_eu"), (("track17", "100005"),)),
    Carrier("postnl", "PostNL", ("Post NL", "postnl_nl"), (("track17", "14041"),)),
    Carrier("bpost", "bpost", ("bpost belgium",)),
    Carrier("la-poste", "La Poste", ("Colissimo", "laposte", "la poste colissimo")),
    Carrier("chronopost", "Chronopost", ("chrono post",)),
    Carrier("mondial-relay", "Mondial Relay", ("mondial_relay", "mondialrelay")),
    Carrier("correos", "Correos", ("correos_es", "Correos Express")),
    Carrier("poste-italiane", "Poste Italiane", ("poste_italiane", "SDA")),
    Carrier("swiss-post", "Swiss Post", ("Die Post", "La Poste Suisse", "swiss_post")),
    Carrier("austrian-post", "Austrian Post", ("Österreichische Post", "austrian_post")),
    Carrier("inpost", "InPost", ("inpost_paczkomaty", "InPost Paczkomaty")),
    Carrier(
        "australia-post",
        "Australia Post",
        ("AusPost", "Aus Post", "australia_post", "AustraliaPost"),
        (("track17", "1151"),),
        "https://auspost.com.au/mypost/track/details/{number}",
    ),
    Carrier("startrack", "StarTrack", ("Star Track", "startrack_express")),
    Carrier("sendle", "Sendle"),
    Carrier("aramex-au", "Aramex Australia", ("Fastway", "fastway_au")),
    Carrier("nz-post", "New Zealand Post", ("NZ Post", "nz_post")),
    Carrier(
        "canada-post",
        "Canada Post",
        ("CanadaPost", "Postes Canada", "canada_post"),
        (("track17", "3041"),),
        "https://www.canadapost-postescanada.ca/track-reperage/en#/search?searchFor={number}",
    ),
    Carrier("purolator", "Purolator", ("purolator_ca",)),
    Carrier("ontrac", "OnTrac", ("OnTrac V3", "lasership", "LaserShip V2")),
    Carrier("amazon-shipping", "Amazon Shipping", ("Amazon Logistics", "AmazonShipping", "AmazonMws", "amzl")),
    Carrier("china-post", "China Post", ("ChinaPost", "china_post"), (("track17", "3011"),)),
    Carrier("china-ems", "China EMS", ("EMS China", "china_ems"), (("track17", "3013"),)),
    Carrier("yunexpress", "YunExpress", ("Yun Express",), (("track17", "190008"),)),
    Carrier("cainiao", "Cainiao", ("aliexpress standard shipping",), (("track17", "190271"),)),
    Carrier("sf-express", "SF Express", ("SF International", "sf_express"), (("track17", "100012"),)),
    Carrier("japan-post", "Japan Post", ("JapanPost", "japan_post"), (("track17", "10021"),)),
    Carrier("yamato", "Yamato Transport", ("Kuroneko", "yamato_jp")),
    Carrier("omniparcel", "OmniParcel", ("SEKO OmniParcel", "omni_parcel")),
    Carrier("demo", "Demo Carrier", ("trackfold demo",)),
)

CARRIERS: Final = {carrier.slug: carrier for carrier in _CARRIERS}


def _fold(name: str) -> str:
    """Return a name reduced to its letters and digits, so that "Royal Mail", "royal_mail" and "RoyalMail" meet."""
    plain = unicodedata.normalize("NFKD", name[:200]).encode("ascii", "ignore").decode()
    return _NOT_ALNUM.sub("", plain.casefold())


_BY_NAME: Final = {
    _fold(name): carrier.slug for carrier in _CARRIERS for name in (carrier.slug, carrier.name, *carrier.aliases)
}
_BY_CODE: Final = {(provider, code): carrier.slug for carrier in _CARRIERS for provider, code in carrier.codes}


def canonical_carrier(name: str, *, provider: str | None = None) -> str:
    """Return the carrier's slug for any name or alias; an unknown name becomes a slug of its own.

    A code means what its provider says it means, so (provider, code) is looked up before the plain name.
    Raises ValueError when the name holds no letter or digit at all.
    """
    if provider is not None and (slug := _BY_CODE.get((provider, name.strip()))) is not None:
        return slug
    if (slug := _BY_NAME.get(_fold(name))) is not None:
        return slug
    plain = unicodedata.normalize("NFKD", name[:200]).encode("ascii", "ignore").decode().casefold()
    own = _NOT_ALNUM.sub("-", plain).strip("-")[:MAX_SLUG].rstrip("-") or _slug_of_foreign_script(name[:200])
    # A provider's bare number is nobody's name: keep whose number it is, or two providers' codes would collide.
    return f"{provider}-{own}"[:MAX_SLUG] if provider is not None and own.isdigit() else own


def _slug_of_foreign_script(name: str) -> str:
    """Return a slug of its own for a name without any ASCII letter or digit: such names must not share one."""
    if not any(char.isalnum() for char in name):
        message = "a carrier name holds at least one letter or digit"
        raise ValueError(message)
    folded = unicodedata.normalize("NFKC", name).strip().casefold()
    return f"carrier-{hashlib.sha256(folded.encode(errors='replace')).hexdigest()[:12]}"


def is_known(slug: str) -> bool:
    """Tell whether a slug is in our list, or was made from a name nobody listed."""
    return slug in CARRIERS


def carrier_name(slug: str) -> str:
    """Return the name people read; for an unknown slug the slug in capitals and spaces."""
    known = CARRIERS.get(slug)
    return known.name if known is not None else slug.replace("-", " ").title()


def carrier_page(slug: str, number: str) -> str | None:
    """Return the carrier's own tracking page for a cleaned number, or None when we know none."""
    known = CARRIERS.get(slug)
    if known is None or known.tracking_page is None:
        return None
    return known.tracking_page.format(number=quote(number, safe=""))
