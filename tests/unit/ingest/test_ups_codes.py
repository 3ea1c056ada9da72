"""UPS's vocabulary: how type, code and description go together, and that every code of its appendix has a row."""

import json
from pathlib import Path
from typing import Any

import pytest

from services.ingest.carriers.meanings import INFORMATION, NOT_MAPPED, Meaning
from services.ingest.carriers.ups_codes import DESCRIPTIONS, MANIFESTS, MOVEMENTS, TYPES, UPDATES
from services.ingest.carriers.ups_deliveries import DELIVERIES
from services.ingest.carriers.ups_exceptions import EXCEPTIONS
from services.ingest.carriers.ups_freight import FREIGHT_EXCEPTIONS, FREIGHT_STEPS
from services.ingest.carriers.ups_mail import MAIL
from services.ingest.carriers.ups_meanings import listed
from services.ingest.carriers.ups_reading import Status, meaning_of, network_of


def meaning(kind: str | None, code: str | None = None, description_code: str | None = None, **rest: Any) -> Meaning:
    return meaning_of(Status(kind, code, description_code, **rest))


def test_an_update_moves_nothing_whatever_else_it_says() -> None:
    assert meaning("U", "UP", "154") == meaning("U", "OT", "021") == INFORMATION
    assert meaning("U", "ZZ") == meaning("U", "UP", "999") == NOT_MAPPED


def test_a_reason_alone_never_ends_a_parcel() -> None:
    ends = {"delivered", "returned", "cancelled", "disposed", "lost"}
    assert [code for code in (*EXCEPTIONS, *DELIVERIES, *MOVEMENTS) if meaning("X", code).stage in ends] == []


@pytest.mark.parametrize("code", ["1F", "NI", "UA", "F4", "S9"])
def test_a_reason_that_sounds_like_an_end_is_a_problem_or_the_way_back(code: str) -> None:
    told = meaning("X", code, "013")
    assert told.sets or told.leg == "return"


@pytest.mark.parametrize(
    ("told", "stage"),
    [
        (("D", "2Q", "011"), "available_for_pickup"),
        (("D", "1N", "011"), "available_for_pickup"),
        (("D", "B0", "011"), "returned"),
        (("D", "M5", "011"), "delivered"),
        (("D", "XX", "067"), "returned"),
        (("D", "50", None), None),
        (("D", "OT", None), "out_for_delivery"),
        (("D", None, None), "delivered"),
        (("X", None, None), None),
        (("X", "DA", "003"), "in_transit"),
        (("X", "48", "022"), "attempted"),
        (("MV", None, None), "cancelled"),
        (("P", None, None), "accepted"),
        (("NA", None, None), None),
        ((None, None, None), None),
    ],
)
def test_what_type_code_and_description_say_together(
    told: tuple[str | None, str | None, str | None], stage: str | None
) -> None:
    assert meaning(*told).stage == stage


@pytest.mark.parametrize(
    ("kind", "wording", "stage"),
    [
        ("D", "Returned to sender", "returned"),
        ("D", "Delivered to UPS Access Point", "available_for_pickup"),
        ("D", "Out for Delivery", "out_for_delivery"),
        ("D", "DELIVERED", "delivered"),
        ("X", "Your package was released by the customs agency.", "in_transit"),
        ("X", "Something new", None),
    ],
)
def test_words_count_only_where_no_table_knows_the_code(kind: str, wording: str, stage: str | None) -> None:
    assert meaning(kind, "??", wording=wording).stage == stage


def test_a_code_that_nobody_listed_marks_the_scan_and_keeps_the_place() -> None:
    assert (meaning("I", "??").stage, meaning("I", "??").substatus) == ("in_transit", "unmapped")
    assert (meaning("I", "OT", "999").stage, meaning("I", "OT", "999").substatus) == ("out_for_delivery", "unmapped")
    assert meaning("?", "??", "999") == NOT_MAPPED
    assert meaning("I", "??", "021").substatus == "on_vehicle"


def test_a_code_adds_the_reason_and_never_another_place() -> None:
    assert meaning("I", "AR", "005").substatus == "arrived"
    assert meaning("I", "OR", "005").stage == "in_transit"
    assert set(meaning("X", "45", "052").sets) == {"weather", "delayed", "damaged"}
    assert meaning("X", "48", "013").stage == "attempted"


@pytest.mark.parametrize(
    ("code", "stage", "substatus"),
    [
        ("AG", None, "bad_address"),
        ("40", "in_transit", "customs_held"),
        ("DL", "in_transit", "started"),
        ("PU", None, "exception"),
        ("YP", None, "exception"),
        ("OF", None, "exception"),
        ("??", None, "exception"),
    ],
)
def test_an_exception_takes_its_reason_from_the_code_and_no_mere_movement(
    code: str, stage: str | None, substatus: str
) -> None:
    said = meaning("X", code, "013")
    assert (said.stage, said.substatus) == (stage, substatus)


@pytest.mark.parametrize(
    ("told", "substatus", "sets", "clears"),
    [
        (("I", "IP", "012"), "customs_presented", (), ()),
        (("I", "IP", "014"), "customs_released", (), ("customs_hold",)),
        (("X", "B4", "012"), "customs_presented", ("customs_hold",), ()),
        (("I", "DP", "073"), "handed_to_partner", (), ()),
        (("X", "01", "059"), "damaged", ("damaged", "delayed"), ()),
        (("X", "AG", "083"), "bad_address", ("held", "address_problem"), ()),
        (("I", "XD", "038"), "dropped_off", (), ()),
        (("X", "3N", "035"), "not_collected", (), ()),
    ],
)
def test_a_description_that_says_how_is_not_made_vaguer_by_the_code(
    told: tuple[str, str, str], substatus: str, sets: tuple[str, ...], clears: tuple[str, ...]
) -> None:
    said = meaning(*told)
    assert (said.substatus, said.sets, said.clears) == (substatus, sets, clears)


#: What UPS tells people -> the description codes that say so.
GROUPS: dict[str, str] = {
    "announced": "003 080 157 166",
    "cancelled": "007",
    "accepted": "038 160 167 168 169",
    "in_transit": (
        "005 010 025 039 044 045 047 057 071 073 074 075 079 087 137 138 158 159 164 165 "
        "012 014 058 084 092 123 124 125 126 134 035 036"
    ),
    "out_for_delivery": "006 021 037 072 078 089 091 146 162",
    "available_for_pickup": "017 040 144 161",
    "attempted": "022 023 024 060 061 062 066 145",
    "delivered": "011 026 143 156",
    "returned": "034 067",
    "lost": "068 147 149",
}
CUSTOMS = "012 014 058 084 092 123 124 125 126 134"
PROBLEMS = "013 029 030 032 046 048 049 050 051 052 053 059 064 069 070 076 081 083 085 086 090 132"


@pytest.mark.parametrize(("stage", "codes"), GROUPS.items())
def test_a_description_code_alone_says_where_a_parcel_is(stage: str, codes: str) -> None:
    assert {code: meaning(None, None, code).stage for code in codes.split()} == dict.fromkeys(codes.split(), stage)


def test_customs_and_the_way_back_are_told_apart_from_other_journeys() -> None:
    customs = [meaning(None, None, code) for code in CUSTOMS.split()]
    assert {(said.substatus or "").partition("_")[0] for said in customs} == {"customs"}
    assert {meaning(None, None, code).leg for code in ("034", "035", "036", "067")} == {"return"}


@pytest.mark.parametrize("code", PROBLEMS.split())
def test_a_problem_moves_nothing_and_sets_a_condition(code: str) -> None:
    said = meaning("X", None, code)
    assert (said.stage, bool(said.sets)) == (None, True)


@pytest.mark.parametrize(
    ("numbers", "network"),
    [
        (("1Z58Y7A90312345674",), "parcel"),
        (("1R12345678901234",), "parcel"),
        (("92612901001304190000", "1Z58Y7A90312345674"), "parcel"),
        (("92612901001304190000",), "mail"),
        (("MI123456123456789012345678",), "mail"),
        (("123456789",), "freight"),
        ((None,), "parcel"),
    ],
)
def test_a_number_tells_whose_codes_go_with_it(numbers: tuple[str | None, ...], network: str) -> None:
    assert network_of(*numbers) == network


def test_mail_and_freight_have_codes_of_their_own() -> None:
    assert meaning_of(Status("I", "P9", None), "mail").stage == "out_for_delivery"
    assert meaning_of(Status("I", "012", None), "freight").stage == "delivered"
    assert meaning_of(Status("X", "05", None), "freight").sets == ("weather", "delayed")


def test_every_code_of_the_appendix_has_its_row(recorded_folders: list[Path]) -> None:
    found = [path for folder in recorded_folders for path in folder.glob("_reference/ups_code_tables.json")]
    if not found:
        pytest.skip("no recordings were given: --recorded DIR")
    for path in found:
        assert missing(json.loads(path.read_text("utf-8"))["tables"]) == []


OURS = {
    "EXCEPTION CODE": EXCEPTIONS,
    "DIALS CODE": DELIVERIES,
    "ULD CODE": MOVEMENTS,
    "MANIFEST CODE": MANIFESTS,
    "UPDATES CODE": UPDATES,
    "CODE": DESCRIPTIONS,
    "SHIPPING EVENT CODE": MAIL,
    "ACTIVITY TYPE": TYPES,
    "Data Not Available": FREIGHT_STEPS,
    "Customer Facing Text Description": FREIGHT_EXCEPTIONS,
}


def missing(tables: dict[str, list[list[str]]]) -> list[tuple[str, str]]:
    """Return the codes that a table of the appendix has and ours has not; its spreadsheet lost the zeros in front."""
    lacking, seen = [], 0
    for name, lines in tables.items():
        ours: dict[str, Meaning] = {}
        for code, *rest in lines:
            title = rest[0] if code == "FREIGHT ACTIVITY CODE" else code
            if title in OURS:
                ours = OURS[title]
            elif not code.startswith(("CRD ", "VCAT ")):
                seen += 1
                padded = code.zfill(3 if ours is DESCRIPTIONS else 2) if code.isdigit() else code
                lacking += [] if padded in ours else [(name, code)]
    assert seen > 4000
    return lacking


def test_a_code_that_stands_twice_in_a_table_is_refused() -> None:
    assert listed((INFORMATION, "01 02"), (NOT_MAPPED, "03")) == {
        "01": INFORMATION,
        "02": INFORMATION,
        "03": NOT_MAPPED,
    }
    with pytest.raises(ValueError, match="02"):
        listed((INFORMATION, "01 02"), (NOT_MAPPED, "02"))
