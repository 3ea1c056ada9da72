"""Check digits: they are what carriers print, and they overlook exactly what is written down."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.ingest.carriers.check_digits import (
    FEDEX,
    GLS,
    GS1,
    IDENTCODE,
    LUHN,
    MOD7,
    MOD37_36,
    S10,
    UPS,
    CheckDigit,
    behind,
)
from tests.unit.ingest.overlooked import DIGITS, LETTERS, is_overlooked

RULES = (FEDEX, GLS, GS1, IDENTCODE, LUHN, MOD7, MOD37_36, S10, UPS, behind("92", GS1))


def payloads(rule: CheckDigit) -> st.SearchStrategy[str]:
    """Return payloads as the rule gets them from the patterns."""
    letters = LETTERS if rule in (UPS, MOD37_36) else ""
    size = 8 if rule is S10 else 11
    return st.text(DIGITS + letters, min_size=size, max_size=size)


@pytest.mark.parametrize(
    ("rule", "checked"),
    [
        (UPS, "5R89390357567127"),
        (UPS, "CIETST0111111114"),
        (UPS, "C11031500001879"),
        (FEDEX, "986578788855"),
        (FEDEX, "00779017972697"),
        (GS1, "041441760228964"),
        (GS1, "9400111201080805483016"),
        (GS1, "00340433836442636597"),
        (behind("92", GS1), "61299998820821171811"),
        (IDENTCODE, "218025809066"),
        (MOD7, "3318810025"),
        (LUHN, "79927398713"),
        (S10, "123456785"),
        (S10, "473124829"),
        (MOD37_36, "008182709980000020033350276C"),
        (MOD37_36, "A12425GABC1234002M"),
    ],
)
def test_a_printed_number_has_the_check_character_that_its_rule_asks_for(rule: CheckDigit, checked: str) -> None:
    assert rule.passes(checked)
    assert not rule.passes(checked[:-1] + ("0" if checked[-1] != "0" else "1"))


def test_the_rests_that_give_no_digit_are_written_as_the_carriers_write_them() -> None:
    assert (FEDEX.of("17"), FEDEX.of("00"), FEDEX.of("10")) == ("0", "0", "3")
    assert (S10.of("00000050"), S10.of("00000000"), S10.of("00000010")) == ("0", "5", "2")


def test_gls_adds_one_so_that_no_number_is_both_theirs_and_gs1s() -> None:
    assert GLS.of("12345678901") != GS1.of("12345678901")
    assert (int(GS1.of("12345678901")) - int(GLS.of("12345678901"))) % 10 == 1


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_a_number_passes_with_one_check_character_only(rule: CheckDigit) -> None:
    @given(payloads(rule))
    def holds(payload: str) -> None:
        assert [char for char in DIGITS + LETTERS if rule.passes(payload + char)] == [rule.of(payload)]

    holds()


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_a_rule_overlooks_one_wrong_character_where_it_is_written_down_and_nowhere_else(rule: CheckDigit) -> None:
    @given(payloads(rule), st.data())
    def holds(payload: str, data: st.DataObject) -> None:
        place = data.draw(st.integers(0, len(payload) - 1))
        alphabet = DIGITS if rule not in (UPS, MOD37_36) else DIGITS + LETTERS
        char = data.draw(st.sampled_from([one for one in alphabet if one != payload[place]]))
        changed = payload[:place] + char + payload[place + 1 :]
        assert (rule.of(changed) == rule.of(payload)) == is_overlooked(rule, payload, changed)

    holds()


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_residues_says_how_many_check_characters_there_are(rule: CheckDigit) -> None:
    size = 8 if rule is S10 else 11
    letters = DIGITS + LETTERS if rule in (UPS, MOD37_36) else DIGITS
    payloads_ = [f"{number:0{size}d}" for number in range(500)] + [letters[-1] * size]
    assert len({rule.of(payload) for payload in payloads_}) == rule.residues
