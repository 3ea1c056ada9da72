"""Whose number is this: candidates with a right check digit, ranked, and never a guess between equals."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from typer.testing import CliRunner

from schemas.carriers import carrier_page, is_known
from schemas.national_posts import POST_OF_COUNTRY
from services.ingest.carriers.detection import NEAR, SURE, Candidate, detect, sole_carrier
from services.ingest.carriers.detection_formats import FORMATS, Format
from services.ingest.carriers.detection_posts import formats_of_posts
from services.ingest.commands import carriers
from services.ingest.tools import UsageError
from services.runtime.errors import ExitCode
from tests.unit.ingest.overlooked import DIGITS, LETTERS, is_overlooked

ROOT = Path(__file__).parents[3]
FIXTURES = ROOT / "tests" / "fixtures" / "detection"
RUNNER = CliRunner()
CHECKED = [one for one in FORMATS if one.check is not None]


def cases() -> list[Any]:
    documents = [json.loads(path.read_text()) for path in sorted(FIXTURES.glob("*.json"))]
    return [
        pytest.param(document["carrier"], case, id=f"{case['service']}: {case['valid']}")
        for document in documents
        for case in document.get("cases", ())
    ]


def published() -> dict[str, Any]:
    document: dict[str, Any] = json.loads((FIXTURES / "published.json").read_text())
    return document


def candidate(number: str, carrier: str) -> Candidate | None:
    return next((one for one in detect(number).candidates if one.carrier == carrier), None)


def covered(one: Format, match: re.Match[str]) -> tuple[int, int]:
    """Return from where to where the check digit reaches; it is the last of them."""
    return match.span("checked" if "checked" in one.pattern.groupindex else 0)


def numbers(one: Format) -> st.SearchStrategy[str]:
    """Return numbers of a format with a right check digit."""

    def complete(number: str) -> str:
        match = one.pattern.fullmatch(number)
        assert match is not None
        start, end = covered(one, match)
        last = one.check.of(number[start : end - 1]) if one.check is not None else number[end - 1]
        return number[: end - 1] + last + number[end:]

    # What looks ahead cannot be made, only sorted out afterwards.
    plain = re.compile(re.sub(r"\(\?[=!][^)]*\)", "", one.pattern.pattern))
    made = st.from_regex(plain, fullmatch=True, alphabet=DIGITS + LETTERS + "-").filter(one.pattern.fullmatch)
    return made.map(complete).filter(lambda number: number.strip("0") != "")


def name(one: Format) -> str:
    return f"{one.carrier}: {one.service}"


@pytest.mark.parametrize(("carrier", "case"), cases())
def test_a_number_is_found_with_its_carrier_its_service_and_its_check_digit(carrier: str, case: dict[str, str]) -> None:
    found = candidate(case["valid"], carrier)
    assert found is not None
    assert found.check_digit == case["check_digit"]
    assert found.service == case["service"]


@pytest.mark.parametrize(("carrier", "case"), cases())
def test_a_failed_check_digit_is_no_candidate(carrier: str, case: dict[str, str]) -> None:
    if "invalid" not in case:
        assert case["check_digit"] == "none"
        return
    found = candidate(case["invalid"], carrier)
    assert found is None or found.check_digit == "none"


@pytest.mark.parametrize(("carrier", "case"), cases())
def test_spaces_and_small_letters_change_nothing(carrier: str, case: dict[str, str]) -> None:
    spaced = " ".join(case["valid"].lower())
    assert detect(spaced) == detect(case["valid"])
    assert candidate(spaced, carrier) is not None


@pytest.mark.parametrize("case", published()["valid"], ids=lambda case: case["number"])
def test_a_published_number_is_found(case: dict[str, str]) -> None:
    found = candidate(case["number"], case["carrier"])
    assert found is not None
    assert found.check_digit == "ok"


@pytest.mark.parametrize("number", published()["no_candidate_that_checks"])
def test_a_published_number_with_a_wrong_character_has_no_candidate_that_checks(number: str) -> None:
    assert [one for one in detect(number).candidates if one.check_digit == "ok"] == []
    assert sole_carrier(number) is None


def test_every_format_has_a_fixture_or_is_a_second_reading_of_one() -> None:
    with_fixture = {param.values[1]["service"] for param in cases()}
    second = {"USPS 20 (any service)", "USPS 20 without 91", "DPD (number of DPD UK)"}
    assert {one.service for one in FORMATS} - with_fixture == second


@pytest.mark.parametrize("one", FORMATS, ids=name)
def test_every_number_of_a_format_has_its_carrier_among_the_candidates(one: Format) -> None:
    @given(numbers(one))
    def holds(number: str) -> None:
        # A completed check character can fall outside of what the shape allows: a letter where it wants a digit.
        assume(one.pattern.fullmatch(number))
        assert candidate(number, one.carrier) is not None

    holds()


@pytest.mark.parametrize("one", CHECKED, ids=name)
def test_one_wrong_character_removes_the_candidate_unless_the_rule_is_known_to_overlook_it(one: Format) -> None:
    @given(numbers(one), st.data())
    def holds(number: str, data: st.DataObject) -> None:
        match = one.pattern.fullmatch(number)
        assume(match)
        assert match is not None
        assert one.check is not None
        start, end = covered(one, match)
        place = data.draw(st.integers(start, end - 1))
        same_kind = DIGITS if number[place] in DIGITS else LETTERS
        other = data.draw(st.sampled_from([char for char in same_kind if char != number[place]]))
        changed = number[:place] + other + number[place + 1 :]
        assume(changed.strip("0") != "")
        if place < end - 1 and is_overlooked(one.check, number[start : end - 1], changed[start : end - 1]):
            return
        assert all((found.carrier, found.service) != (one.carrier, one.service) for found in detect(changed).candidates)

    holds()


@pytest.mark.parametrize(("country", "slug"), sorted(POST_OF_COUNTRY.items()))
def test_an_international_number_is_of_the_post_of_its_country(country: str, slug: str) -> None:
    found = detect(f"RB123456785{country}").candidates
    assert [(one.carrier, one.check_digit) for one in found] == [(slug, "ok")]
    assert is_known(slug)
    assert sole_carrier(f"RB123456785{country}") == slug
    assert detect(f"RB123456786{country}").candidates == ()


@pytest.mark.parametrize("number", ["RB123456785XX", "RB123456785ZZ", "RB12345678GB", "RB123456785G1"])
def test_what_only_resembles_an_international_number_is_none(number: str) -> None:
    assert list(formats_of_posts(number)) == []
    assert sole_carrier(number) is None


@pytest.mark.parametrize(
    ("number", "first", "second"),
    [
        ("EE123456785GB", "royal-mail", "parcelforce"),
        ("CY123456785DE", "deutsche-post", "dhl-parcel-de"),
        ("EE123456785CN", "china-post", "china-ems"),
        ("EE123456785FR", "la-poste", "chronopost"),
    ],
)
def test_where_two_operators_of_a_country_share_a_service_none_is_said(number: str, first: str, second: str) -> None:
    assert [one.carrier for one in detect(number).candidates] == [first, second]
    assert sole_carrier(number) is None


def test_twelve_digits_that_pass_three_check_digits_are_three_equals() -> None:
    found = detect("2012 9845 2277")
    assert [one.carrier for one in found.candidates] == ["dhl-parcel-de", "fedex", "gls"]
    assert len({one.score for one in found.candidates}) == 1
    assert sole_carrier(found.number) is None


def test_twenty_two_digits_of_usps_and_fedex_are_near_each_other() -> None:
    found = detect("9261292700768711948021").candidates
    assert [one.carrier for one in found] == ["usps", "fedex"]
    assert found[0].score - found[1].score <= NEAR
    assert sole_carrier("9261292700768711948021") is None


def test_the_only_carrier_of_a_number_is_said_when_its_format_is_strong_enough() -> None:
    assert sole_carrier("1Z5R89390357567127") == "ups"
    assert sole_carrier("00340433836442636597") == "dhl-parcel-de"
    assert sole_carrier("TBA502887274000") == "amazon-shipping"


def test_a_lone_candidate_of_a_vague_format_is_not_said() -> None:
    (only,) = detect("T1234567890").candidates
    assert (only.carrier, only.check_digit) == ("ups", "none")
    assert only.score < SURE
    assert sole_carrier("T1234567890") is None


def test_a_right_check_digit_outranks_the_same_digits_without_one() -> None:
    checked, bare = detect("09133131530724").candidates
    assert (checked.carrier, bare.carrier) == ("hermes-de", "dpd")
    assert checked.score > bare.score


def test_a_prefix_outranks_a_shape_without_one() -> None:
    strong, weak = detect("00340433836442636597").candidates
    assert (strong.carrier, weak.carrier) == ("dhl-parcel-de", "usps")
    assert strong.score - weak.score > NEAR


@pytest.mark.parametrize("one", FORMATS, ids=name)
def test_a_row_names_a_known_carrier_a_source_and_a_trust(one: Format) -> None:
    assert is_known(one.carrier)
    assert one.source
    assert 0 < one.trust <= 1


@given(st.text(max_size=80))
def test_any_text_is_detected_or_refused_as_no_number(text: str) -> None:
    try:
        found = detect(text)
    except ValueError:
        return
    assert len({one.carrier for one in found.candidates}) == len(found.candidates)
    assert [one.score for one in found.candidates] == sorted((one.score for one in found.candidates), reverse=True)
    assert all(0 < one.score <= 1 for one in found.candidates)


@given(st.text("0123456789", min_size=8, max_size=34))
def test_equals_are_never_resolved(digits: str) -> None:
    assume(digits.strip("0"))
    found = detect(digits).candidates
    if len(found) > 1 and found[0].score == found[1].score:
        assert sole_carrier(digits) is None
    if (said := sole_carrier(digits)) is not None:
        assert said == found[0].carrier
        assert found[0].score >= SURE


@pytest.mark.parametrize("number", ["", "   ", "***", "000000000", "n/a", "x" * 65])
def test_what_is_no_tracking_number_is_refused(number: str) -> None:
    with pytest.raises(ValueError, match="tracking number"):
        detect(number)
    with pytest.raises(ValueError, match="tracking number"):
        sole_carrier(number)


def test_the_command_prints_the_candidates_as_json() -> None:
    result = RUNNER.invoke(carriers, ["detect", "2012 9845 2277", "--json"])
    shown = json.loads(result.stdout)
    assert (result.exit_code, shown["number"]) == (0, "201298452277")
    assert [one["carrier"] for one in shown["candidates"]] == ["dhl-parcel-de", "fedex", "gls"]
    assert shown["candidates"][1] == {
        "carrier": "fedex",
        "service": "FedEx Express",
        "check_digit": "ok",
        "score": 0.82,
        "name": "FedEx",
        "link": carrier_page("fedex", "201298452277"),
    }


@pytest.mark.parametrize(
    ("number", "verdict"),
    [("1z5r89390357567127", "this is a number of UPS"), ("201298452277", "does not say which")],
)
def test_the_command_prints_a_table_and_a_verdict(number: str, verdict: str) -> None:
    result = RUNNER.invoke(carriers, ["detect", number], env={"COLUMNS": "200"})
    assert (result.exit_code, "check digit" in result.stdout, verdict in result.stdout) == (0, True, True)


@pytest.mark.parametrize("options", [[], ["--json"]])
def test_the_command_fails_with_a_sentence_when_there_is_no_candidate(options: list[str]) -> None:
    result = RUNNER.invoke(carriers, ["detect", "1Z5R89390357567128", *options])
    assert (result.exit_code, "no carrier that we know" in result.stderr) == (1, True)
    if options:
        assert json.loads(result.stdout) == {"number": "1Z5R89390357567128", "candidates": []}


def test_the_command_refuses_what_is_no_number() -> None:
    result = RUNNER.invoke(carriers, ["detect", "***"])
    assert isinstance(result.exception, UsageError)
    assert result.exception.exit_code == ExitCode.USAGE


def test_the_page_names_every_format() -> None:
    page = (ROOT / "docs" / "carriers" / "detection.md").read_text()
    assert [one.service for one in FORMATS if f"| {one.service} |" not in page] == []
    assert all(str(number) in page for number in (NEAR, SURE))
