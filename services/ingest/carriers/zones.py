"""Which time zone a place lies in, as data: for naive times (rule R14) and for the local date of a scan.

Only places with one answer are listed; None is the answer for the rest. Pure.
"""

from typing import Final

#: Countries (ISO 3166) that keep one time, but for remote islands.
_COUNTRIES: Final = {
    "AT": "Europe/Vienna", "BE": "Europe/Brussels", "BG": "Europe/Sofia", "CH": "Europe/Zurich", "CN": "Asia/Shanghai",
    "CZ": "Europe/Prague", "DE": "Europe/Berlin", "DK": "Europe/Copenhagen", "EE": "Europe/Tallinn",
    "ES": "Europe/Madrid", "FI": "Europe/Helsinki", "FR": "Europe/Paris", "GB": "Europe/London", "GR": "Europe/Athens",
    "HK": "Asia/Hong_Kong", "HR": "Europe/Zagreb", "HU": "Europe/Budapest", "IE": "Europe/Dublin",
    "IL": "Asia/Jerusalem", "IN": "Asia/Kolkata", "IT": "Europe/Rome", "JP": "Asia/Tokyo", "KR": "Asia/Seoul",
    "LT": "Europe/Vilnius", "LU": "Europe/Luxembourg", "LV": "Europe/Riga", "MY": "Asia/Kuala_Lumpur",
    "NL": "Europe/Amsterdam", "NO": "Europe/Oslo", "NZ": "Pacific/Auckland", "PH": "Asia/Manila", "PL": "Europe/Warsaw",
    "RO": "Europe/Bucharest", "SE": "Europe/Stockholm", "SG": "Asia/Singapore", "SI": "Europe/Ljubljana",
    "SK": "Europe/Bratislava", "TH": "Asia/Bangkok", "TR": "Europe/Istanbul", "TW": "Asia/Taipei", "UA": "Europe/Kyiv",
    "VN": "Asia/Ho_Chi_Minh", "ZA": "Africa/Johannesburg",
}  # fmt: skip

#: Zone -> the states in it. States cut by a zone line stand where most of their people live.
_STATES: Final = {
    "US": {
        "America/New_York": "CT DC DE FL GA IN KY MA MD ME MI NC NH NJ NY OH PA RI SC VA VT WV",
        "America/Chicago": "AL AR IA IL KS LA MN MO MS ND NE OK SD TN TX WI",
        "America/Denver": "CO ID MT NM UT WY",
        "America/Phoenix": "AZ",
        "America/Los_Angeles": "CA NV OR WA",
        "America/Anchorage": "AK",
        "Pacific/Honolulu": "HI",
        "America/Puerto_Rico": "PR VI",
    },
    "CA": {
        "America/Vancouver": "BC",
        "America/Edmonton": "AB",
        "America/Regina": "SK",
        "America/Winnipeg": "MB",
        "America/Toronto": "ON QC",
        "America/Halifax": "NB NS PE",
        "America/St_Johns": "NL",
    },
    "AU": {
        "Australia/Sydney": "NSW ACT",
        "Australia/Melbourne": "VIC",
        "Australia/Brisbane": "QLD",
        "Australia/Adelaide": "SA",
        "Australia/Darwin": "NT",
        "Australia/Perth": "WA",
        "Australia/Hobart": "TAS",
    },
}
_REGIONS: Final = {
    (country, state): zone
    for country, zones in _STATES.items()
    for zone, states in zones.items()
    for state in states.split()
}

#: Carriers whose scans name no country because they work in one.
_HOMES: Final = {
    "australia-post": "AU", "canada-post": "CA", "dpd-uk": "GB", "evri": "GB", "ontrac": "US", "parcelforce": "GB",
    "purolator": "CA", "royal-mail": "GB", "usps": "US",
}  # fmt: skip


def zone_of(carrier: str, *, country: str | None, region: str | None) -> str | None:
    """Return the IANA name of a place's zone, or None when it is not sure.

    The carrier stands in for the country only where it works in one, so a scan abroad is not read as one at home.
    """
    land = (country or _HOMES.get(carrier, "")).strip().upper()
    if land in _COUNTRIES:
        return _COUNTRIES[land]
    return _REGIONS.get((land, (region or "").strip().upper()))
