"""Carriers: one slug each, whatever a shop or a provider calls it."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas import carrier_table, national_posts
from schemas.carriers import CARRIERS, MAX_SLUG, canonical_carrier, carrier_name, carrier_page, is_known
from schemas.scans import Scan
from tests.builders import make_scan


@pytest.mark.parametrize(
    ("provider", "name", "slug"),
    [
        ("easypost", "UPS", "ups"),
        ("easypost", "USPS", "usps"),
        ("easypost", "FedEx", "fedex"),
        ("easypost", "DHLExpress", "dhl-express"),
        ("easypost", "RoyalMail", "royal-mail"),
        ("easypost", "UPSMailInnovations", "ups-mail-innovations"),
        ("shipengine", "stamps_com", "usps"),
        ("shipengine", "dhl_express_worldwide", "dhl-express"),
        ("track17", "3011", "china-post"),
        ("track17", "21051", "usps"),
        ("track17", "100002", "ups"),
        ("aftership", "dhl", "dhl-express"),
        (None, "Royal Mail", "royal-mail"),
        (None, "royal_mail", "royal-mail"),
        (None, "  ROYAL   MAIL ", "royal-mail"),
        (None, "Federal Express", "fedex"),
        (None, "Österreichische Post", "austrian-post"),
    ],
)
def test_a_carrier_has_one_slug_whoever_names_it(provider: str | None, name: str, slug: str) -> None:
    assert canonical_carrier(name, provider=provider) == slug


@pytest.mark.parametrize("slug", sorted(CARRIERS))
def test_a_slug_is_its_own_alias_and_so_is_every_name_of_the_carrier(slug: str) -> None:
    carrier = CARRIERS[slug]
    assert {canonical_carrier(name) for name in (slug, carrier.name, *carrier.aliases)} == {slug}
    assert {canonical_carrier(code, provider=provider) for provider, code in carrier.codes} <= {slug}


def test_no_code_of_a_provider_means_two_carriers() -> None:
    codes = [code for carrier in CARRIERS.values() for code in carrier.codes]
    assert len(codes) == len(set(codes))


def test_an_unknown_name_becomes_a_slug_of_its_own() -> None:
    slug = canonical_carrier("Owl Post & Sons")
    assert slug == "owl-post-sons"
    assert not is_known(slug)
    assert canonical_carrier("owl post  SONS") == slug
    assert carrier_name(slug) == "Owl Post Sons"


def test_a_known_slug_is_told_from_an_unknown_one() -> None:
    assert is_known("ups")
    assert carrier_name("ups") == "UPS"


def test_the_bare_number_of_one_provider_is_not_that_of_another() -> None:
    assert canonical_carrier("999999", provider="track17") != canonical_carrier("999999", provider="sendcloud")


def test_carriers_that_write_in_another_script_do_not_share_a_slug() -> None:
    names = ["Почта России", "顺丰速运", "中通快递", "ΕΛΤΑ", "ไปรษณีย์ไทย"]
    slugs = [canonical_carrier(name) for name in names]
    assert len(set(slugs)) == len(names)
    assert [canonical_carrier(slug) for slug in slugs] == slugs
    assert canonical_carrier("ПОЧТА РОССИИ") == slugs[0]


@pytest.mark.parametrize("name", ["", "   ", "---", "🚚", "\u200f"])
def test_a_name_without_a_letter_or_digit_is_no_carrier(name: str) -> None:
    with pytest.raises(ValueError, match="letter or digit"):
        canonical_carrier(name)


@given(st.text(max_size=300), st.sampled_from([None, "easypost", "track17", "shipengine"]))
def test_any_name_becomes_a_valid_slug_or_a_value_error_and_stays_itself(name: str, provider: str | None) -> None:
    try:
        slug = canonical_carrier(name, provider=provider)
    except ValueError:
        return
    assert slug.isascii()
    assert len(slug) <= MAX_SLUG + len("shipengine-")
    assert canonical_carrier(slug) == slug
    assert isinstance(make_scan(carrier=slug), Scan)


def test_a_number_cannot_leave_its_place_in_the_carriers_page() -> None:
    page = carrier_page("australia-post", "A/../B+C")
    assert page is not None
    assert page.endswith("A%2F..%2FB%2BC")


def test_a_carrier_has_a_page_of_its_own_for_a_number_where_one_takes_the_number_alone() -> None:
    assert carrier_page("evri", "H01") == "https://www.evri.com/track/parcel/H01"
    assert carrier_page("an-post", "RB123456785IE") == (
        "https://www.anpost.com/Post-Parcels/Track/History?item=RB123456785IE"
    )
    # The page of this carrier asks for the postcode as well.
    assert carrier_page("mondial-relay", "1") is None


def test_every_page_takes_the_number_in_one_place_and_is_https() -> None:
    pages = [carrier.tracking_page for carrier in CARRIERS.values() if carrier.tracking_page is not None]
    assert len(pages) > 40
    assert [page for page in pages if page.count("{number}") != 1 or not page.startswith("https://")] == []


def test_an_unknown_carrier_has_no_page() -> None:
    assert carrier_page("owl-post", "1") is None


def test_no_two_rows_share_a_slug_and_no_name_means_two_carriers() -> None:
    rows = [*carrier_table.ROWS, *national_posts.ROWS]
    assert len(rows) == len(CARRIERS)
    named = [
        (re.sub(r"[^a-z0-9]", "", name.casefold()), row.slug)
        for row in rows
        for name in {row.slug, row.name, *row.aliases}
    ]
    meanings: dict[str, set[str]] = {}
    for name, slug in named:
        meanings.setdefault(name, set()).add(slug)
    assert {name: slugs for name, slugs in meanings.items() if len(slugs) > 1} == {}


@pytest.mark.parametrize("slug", [row.slug for row in national_posts.ROWS])
def test_no_name_of_a_post_is_a_bare_number_that_a_provider_could_mean_otherwise(slug: str) -> None:
    row = CARRIERS[slug]
    assert not any(re.fullmatch(r"[\W\d_]*", name) for name in (row.slug, row.name, *row.aliases))


@pytest.mark.parametrize(
    ("country", "slug"),
    [("GB", "royal-mail"), ("US", "usps"), ("DE", "deutsche-post"), ("SE", "postnord-se"), ("KR", "korea-post")],
)
def test_every_country_has_one_post_that_we_know_by_name(country: str, slug: str) -> None:
    assert national_posts.POST_OF_COUNTRY[country] == slug
    assert set(national_posts.POST_OF_COUNTRY.values()) <= set(CARRIERS)
    assert all(re.fullmatch(r"[A-Z]{2}", code) for code in national_posts.POST_OF_COUNTRY)


@pytest.mark.parametrize(
    ("name", "slug"),
    [("LaserShip V2", "lasership"), ("Amazon Logistics", "amazon-shipping"), ("Hong Kong Post", "hongkong-post")],
)
def test_a_carrier_that_goes_by_another_name_keeps_its_slug(name: str, slug: str) -> None:
    assert canonical_carrier(name) == slug
