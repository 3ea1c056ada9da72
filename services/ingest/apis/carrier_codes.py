"""What aggregators call the carriers in requests: slug -> code.

What they call them in answers stands in `schemas/carriers.py`, and every code here reads back as its slug there (a test
holds the two together). A carrier that is not listed is left to the aggregator's own detection, or refused where it has
none: a wrong code would follow another carrier's parcel.
"""

from collections.abc import Mapping
from typing import Final

from schemas.carriers import CARRIERS

#: From EasyPost's documentation and client libraries.
EASYPOST: Final[Mapping[str, str]] = {
    "australia-post": "AustraliaPost",
    "canada-post": "CanadaPost",
    "dhl-ecommerce": "DhlEcs",
    "dhl-express": "DHLExpress",
    "fedex": "FedEx",
    "ontrac": "OnTrac",
    "purolator": "Purolator",
    "royal-mail": "RoyalMail",
    "ups": "UPS",
    "ups-mail-innovations": "UPSMailInnovations",
    "usps": "USPS",
}

#: AfterShip's slugs; most of them are ours.
AFTERSHIP: Final[Mapping[str, str]] = {
    "australia-post": "australia-post",
    "canada-post": "canada-post",
    "china-ems": "china-ems",
    "china-post": "china-post",
    "dhl-express": "dhl",
    "dpd": "dpd",
    "dpd-uk": "dpd-uk",
    "fedex": "fedex",
    "gls": "gls",
    "japan-post": "japan-post",
    "ontrac": "ontrac",
    "postnl": "postnl",
    "purolator": "purolator",
    "royal-mail": "royal-mail",
    "sf-express": "sf-express",
    "ups": "ups",
    "usps": "usps",
}

#: From Shippo's page "Tracking Carriers".
SHIPPO: Final[Mapping[str, str]] = {
    "australia-post": "australia_post",
    "canada-post": "canada_post",
    "chronopost": "chronopost",
    "deutsche-post": "deutsche_post",
    "dhl-ecommerce": "dhl_ecommerce",
    "dhl-express": "dhl_express",
    "dhl-parcel-de": "dhl_germany",
    "dhl-parcel-nl": "dhl_benelux",
    "dpd-uk": "dpd_uk",
    "evri": "hermes_uk",
    "fedex": "fedex",
    "la-poste": "la_poste",
    "lasership": "lasership",
    "mondial-relay": "mondial_relay",
    "nz-post": "new_zealand_post",
    "ontrac": "ontrac",
    "poste-italiane": "poste_italiane",
    "posti": "posti",
    "purolator": "purolator",
    "royal-mail": "royal_mail",
    "ups": "ups",
    "usps": "usps",
}

#: From ShipEngine's documentation; USPS parcels go by the account that everybody has there.
SHIPENGINE: Final[Mapping[str, str]] = {
    "australia-post": "australia_post",
    "canada-post": "canada_post",
    "dhl-ecommerce": "dhl_ecommerce",
    "dhl-express": "dhl_express",
    "fedex": "fedex",
    "ontrac": "ontrac",
    "royal-mail": "royal_mail",
    "ups": "ups",
    "usps": "stamps_com",
}

#: 17TRACK's numbers, which the carrier table has as codes.
TRACK17: Final[Mapping[str, int]] = {
    carrier.slug: int(code)
    for carrier in CARRIERS.values()
    for provider, code in carrier.codes
    if provider == "track17"
}
