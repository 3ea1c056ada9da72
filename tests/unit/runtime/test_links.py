"""Signed links: what a token opens, and that nothing else opens anything."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from pydantic import SecretStr

from services.runtime.errors import Misconfigured
from services.runtime.links import KeyRing, Link, key_ring, make_token, read_token

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
LATER = NOW + timedelta(days=90)
OLD = "k1:0123456789abcdef-old"
NEW = "k2:fedcba9876543210-new"


def ring(*entries: str) -> KeyRing:
    return key_ring([SecretStr(entry) for entry in entries])


def token(keys: KeyRing, **changes: str) -> str:
    return make_token(keys, changes.get("purpose", "track"), shop="main", order="1001", expires_at=LATER)


@given(
    st.text(st.characters(exclude_categories=["Cs"]), max_size=60),
    st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=128),
)
def test_a_token_opens_exactly_what_it_was_made_for(shop: str, order: str) -> None:
    made = make_token(ring(OLD), "track", shop=shop, order=order, expires_at=LATER)
    assert read_token(ring(OLD), "track", made, now=NOW) == Link(shop, order, LATER)


def test_a_token_is_short_enough_for_an_sms_and_safe_in_a_path() -> None:
    made = token(ring(OLD))
    assert len(made) < 64
    assert all(char.isalnum() or char in "-_." for char in made)


def test_a_token_of_another_purpose_opens_nothing() -> None:
    assert read_token(ring(OLD), "preferences", token(ring(OLD)), now=NOW) is None


def test_a_token_ends_at_its_hour() -> None:
    assert read_token(ring(OLD), "track", token(ring(OLD)), now=LATER) is None
    assert read_token(ring(OLD), "track", token(ring(OLD)), now=LATER - timedelta(seconds=1)) is not None


def test_a_token_outlives_the_change_of_keys_until_its_key_is_taken_away() -> None:
    made = token(ring(OLD))
    assert read_token(ring(NEW, OLD), "track", made, now=NOW) is not None
    assert read_token(ring(NEW), "track", made, now=NOW) is None


def test_the_first_key_signs() -> None:
    assert read_token(ring(NEW), "track", token(ring(NEW, OLD)), now=NOW) is not None


def test_another_secret_under_the_same_key_id_opens_nothing() -> None:
    assert read_token(ring("k1:another-secret-entirely"), "track", token(ring(OLD)), now=NOW) is None


@given(st.data())
def test_a_changed_token_opens_nothing(data: st.DataObject) -> None:
    made = token(ring(OLD))
    place = data.draw(st.integers(0, len(made) - 1))
    char = data.draw(st.characters())
    assume(made[place] != char)
    assert read_token(ring(OLD), "track", made[:place] + char + made[place + 1 :], now=NOW) is None


@given(st.text(max_size=3000))
def test_reading_is_total(text: str) -> None:
    assert read_token(ring(OLD), "track", text, now=NOW) is None


@given(st.binary(max_size=80))
def test_reading_signed_rubbish_is_total(body: bytes) -> None:
    # What only a holder of the key could make still must not break the reader.
    from services.runtime import links  # noqa: PLC0415

    made = f"{links._to_text(body)}.{links._to_text(links._sign(b'0123456789abcdef-old', 'track', body))}"  # noqa: SLF001
    read_token(ring(OLD), "track", made, now=NOW)


@pytest.mark.parametrize("made", ["", ".", "..", "a.b.c", "=.=", "a" * 5000, "\u00e9.\u00e9", "\ud800"])
def test_what_is_no_token_opens_nothing(made: str) -> None:
    assert read_token(ring(OLD), "track", made, now=NOW) is None


@pytest.mark.parametrize("entries", [[], ["nocolon"], ["k:short"], [":0123456789abcdef"], [OLD, OLD]])
def test_a_bad_key_ring_is_a_misconfiguration_that_shows_no_secret(entries: list[str]) -> None:
    with pytest.raises(Misconfigured) as caught:
        ring(*entries)
    assert "0123456789" not in str(caught.value)


def test_a_key_ring_does_not_show_its_secrets() -> None:
    assert "0123456789" not in repr(ring(OLD))
