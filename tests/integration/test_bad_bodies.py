"""Authentic bodies that hold nonsense, at the running process: taken, and read as far as they go."""

import json
from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest

from tests.integration import webhook_door
from tests.integration.webhook_door import CANARY, Door, fresh_number, scan_body

running, door = webhook_door.running, webhook_door.door


def text_of(number: str, **fields: Any) -> str:
    return json.dumps(scan_body(number, **fields))


def nobodys_event(number: str) -> bytes:
    """Return JSON that is no event of other providers, but would be a scan of `standard`."""
    document = scan_body(number, note=f"Left {CANARY}")
    del document["description"]
    return json.dumps(document).encode()


UNREADABLE: dict[str, Callable[[str], bytes]] = {
    "bytes that are no UTF-8": lambda number: nobodys_event(number).replace(b"Left", b"L\xffft"),
    "UTF-16": lambda number: nobodys_event(number).decode().encode("utf-16"),
    "a mark of the byte order": lambda number: b"\xef\xbb\xbf" + nobodys_event(number),
    "a zero byte": lambda number: nobodys_event(number).replace(b"Left", b"L\x00ft"),
    "half a pair of surrogates": lambda number: nobodys_event(number).replace(b"Left", b"\\ud800"),
    "100,000 brackets": lambda number: b'{"number":"' + number.encode() + b'","a":' + b"[" * 100_000,
    "a number of 5,000 digits": lambda number: nobodys_event(number).replace(b'"IT"', b"9" * 5_000),
    "a number beyond all floats": lambda number: nobodys_event(number).replace(b'"IT"', b"1e999"),
    "not a number": lambda number: nobodys_event(number).replace(b'"IT"', b"NaN"),
    "nothing but words": lambda number: f"{number} {CANARY}".encode(),
    "a text": lambda number: json.dumps(f"{number} {CANARY}").encode(),
    "a list of texts": lambda number: json.dumps([number, CANARY]).encode(),
    "an empty list in a list": lambda number: json.dumps([[], {"number": number}]).encode(),
    "XML that asks for a file": lambda number: (
        b'<?xml version="1.0"?><!DOCTYPE r [<!ENTITY x SYSTEM "file:///etc/hostname">]><r>&x;'
        + number.encode() + b"</r>"
    ),
    "a form": lambda number: f"number={number}&stage=delivered".encode(),
}  # fmt: skip


@pytest.mark.parametrize("provider", ["standard", "easypost", "track17"])
@pytest.mark.parametrize("name", UNREADABLE)
async def test_an_authentic_body_that_cannot_be_read_is_taken_and_set_aside_with_its_bytes(
    door: Door, name: str, provider: str
) -> None:
    number = fresh_number()
    body = UNREADABLE[name](number)
    assert (await door.send(body, provider=provider)).status_code == 202
    assert await door.letter(body) in ("not_json", "bad_shape", "bad_scan", "no_number", "empty")


@pytest.mark.parametrize("root", [b"null", b"[]", b"{}", b'""', b"7", b"true", b"[null]", b"[[]]", b"1.5", b'"x"'])
async def test_a_root_that_is_no_event_is_set_aside(door: Door, root: bytes) -> None:
    body = root + b" " * (1 + int(fresh_number()[2:6]))  # these very bytes were not sent before
    assert (await door.send(body)).status_code == 202
    assert await door.letter(body)


async def test_a_name_that_stands_twice_counts_once_and_one_of_a_machine_is_only_text(door: Door) -> None:
    number = fresh_number()
    body = text_of(number).encode()[:-1] + b',"code":"LAST","__proto__":{"stage":"delivered"},"constructor":1}'
    assert (await door.send(body)).status_code == 202
    (scan,) = await door.scans(number)
    assert (scan.raw_code, scan.stage) == ("LAST", "in_transit")


async def test_a_list_of_ten_thousand_events_is_set_aside_whole_and_one_of_some_hundred_is_split(door: Door) -> None:
    number = fresh_number()
    many = json.dumps([{"number": number}, *[{}] * 9_999]).encode()
    assert (await door.send(many)).status_code == 202
    assert await door.letter(many)
    some = [
        {"type": "tracking.scan", "carrier": "dpd-uk", "number": number, "code": f"C{one}", "stage": "in_transit",
         "occurred_at": "2026-11-19T09:58:00Z"}
        for one in range(500)
    ]  # fmt: skip
    assert (await door.send(some)).status_code == 202
    scans = await door.scans(number, lambda found: len(found) >= 500)
    assert len({scan.event_key for scan in scans}) == 500


async def test_a_code_nobody_knows_is_kept_as_it_is_and_a_new_field_costs_nothing(door: Door) -> None:
    number = fresh_number()
    document = {
        "description": "tracker.updated", "brand_new": {"deep": [1, 2, 3]},
        "result": {
            "object": "Tracker", "mode": "production", "tracking_code": number, "carrier": "UPS",
            "status": "levitating",
            "brand_new": 1,
            "tracking_details": [{"status": "levitating", "status_detail": "new", "carrier_code": "ZZ9",
            "brand_new": [],
                                  "message": CANARY, "datetime": "2026-11-19T09:58:00Z"}],
        },
    }  # fmt: skip
    assert (await door.send(document, provider="easypost")).status_code == 202
    (scan,) = await door.scans(number)
    assert (scan.stage, scan.substatus, scan.raw_code) == (None, "unmapped", "levitating/new/ZZ9")


#: What stands as a number: what it is read as; None: it cannot be one, and the body is set aside.
NUMBERS: dict[str, str | None] = {
    "": None,
    "9" * 300: None,
    "...": None,
    "N/A": None,
    "'; DROP TABLE parcels; --": None,
    "<b>1Z</b>": None,
    "AB\r\nSet-Cookie: a=b": None,
    "ab 12 34\u00a056 {}": "AB123456{}",
    "\u202e{}\u202c": "{}",
    "\u0661\u0662\u0663{}": "123{}",
    "000000{}": "000000{}",
    " {} ": "{}",
    "{}\u200b": "{}",
}


@pytest.mark.parametrize("written", NUMBERS, ids=ascii)
async def test_a_tracking_number_is_cleaned_or_the_body_is_set_aside(door: Door, written: str) -> None:
    own, wanted = fresh_number(), NUMBERS[written]
    body = json.dumps(scan_body(written.replace("{}", own), note=own)).encode()
    assert (await door.send(body)).status_code == 202
    if wanted is None:
        assert await door.letter(body) in ("bad_number", "no_number", "bad_scan", "bad_shape")
        return
    (scan,) = await door.scans(wanted.replace("{}", own))
    assert scan.key == f"dpd-uk:{wanted.replace('{}', own)}"


#: What stands as a time: the instant it is read as; None: it cannot be one, and the scan is set aside.
TIMES: dict[str, str | None] = {
    "2026-11-19T09:58:00": "2026-11-19T09:58:00+00:00",
    "2026-11-19T09:58:00+05:30": "2026-11-19T04:28:00+00:00",
    "2026-03-29T01:30:00": "2026-03-29T01:30:00+00:00",
    "2025-11-19T23:59:59Z": "2025-11-19T23:59:59+00:00",
    "2199-01-01T00:00:00Z": "2199-01-01T00:00:00+00:00",
    "0001-01-01T00:00:00Z": None,
    "9999-12-31T23:59:59Z": None,
    "2026-12-31T23:59:60Z": None,
    "2026-02-30T10:00:00Z": None,
    "1795255205000": None,
    "yesterday": None,
    "": None,
    "2026-11-19T09:58:00+99:99": None,
    "\u0662026-11-19T09:58:00Z": None,
}


@pytest.mark.parametrize("written", TIMES, ids=ascii)
async def test_a_time_is_read_as_its_instant_or_the_scan_is_set_aside(door: Door, written: str) -> None:
    number, wanted = fresh_number(), TIMES[written]
    body = text_of(number, occurred_at=written).encode()
    assert (await door.send(body)).status_code == 202
    if wanted is None:
        assert await door.letter(body) in ("bad_scan", "bad_shape")
        return
    (scan,) = await door.scans(number)
    assert scan.occurred_at.timestamp() == datetime.fromisoformat(wanted).timestamp()
    assert scan.told_at.year < 2199  # a future time is told as it came; the fold clamps it by this


async def test_a_place_or_weight_out_of_this_world_costs_that_field_alone(door: Door) -> None:
    number = fresh_number()
    document = {
        "description": "tracker.updated",
        "result": {
            "object": "Tracker", "mode": "production", "tracking_code": number, "carrier": "UPS",
            "status": "in_transit",
            "weight": -12.5, "est_delivery_date": "someday",
            "tracking_details": [
                {"status": "in_transit", "datetime": "2026-11-19T09:58:00Z", "weight": "heavy",
                 "tracking_location": {"city": ["Leeds"], "country": {"code": "GB"}, "zip": 12345, "latitude": 1e300,
                                       "longitude": -99999}},
                {"status": "in_transit", "datetime": "2026-11-19T10:58:00Z", "tracking_location": "Leeds"},
            ],
        },
    }  # fmt: skip
    assert (await door.send(document, provider="easypost")).status_code == 202
    scans = await door.scans(number, lambda found: len([one for one in found if one.kind == "scan"]) >= 2)
    places = [scan.place for scan in scans if scan.kind == "scan"]
    assert [None if place is None else (place.city, place.country, place.postcode) for place in places] == [
        (None, None, "12345"), None,
    ]  # fmt: skip
