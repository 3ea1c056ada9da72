"""What customers read: golden files, and that data is never a template.

After a wanted change of a template: `GOLDEN=write python -m pytest tests/unit/notify/test_texts.py`, and read the diff.
"""

import os
from pathlib import Path

import pytest

from schemas.vocabulary import Milestone
from schemas.words import MILESTONE_WORDS, NO_NUMBER_YET
from services.notify.channels.registry import CHANNELS
from services.notify.channels.sms import segments
from services.notify.contacts import Profile
from services.notify.facts import Facts, facts
from services.notify.policy import POLICY, Identity, Told
from services.notify.render import Rendered, render
from services.notify.samples import LINK, sample_facts
from tests.unit.notify.making import book, milestone, parcel, placed_body, status

GOLDEN = Path(__file__).parents[2] / "fixtures" / "golden"
TOLD = sorted(name for name, how in POLICY.items() if isinstance(how, Told))
MESSAGES = [(channel, name) for channel in CHANNELS for name in TOLD]


@pytest.mark.parametrize(("channel", "name"), MESSAGES)
def test_texts_are_the_golden_ones(channel: str, name: str) -> None:
    are_golden(channel, name, render(channel, name, sample_facts(name, channel=channel)))


@pytest.mark.parametrize("channel", list(CHANNELS))
def test_texts_name_the_printed_number_where_the_order_has_one(channel: str) -> None:
    given = sample_facts("shipped", channel=channel, printed="#1042")
    message = render(channel, "shipped", given)
    are_golden(channel, "shipped_with_printed_number", message)
    for text in (message.text, message.subject, message.html):
        assert text is None or ("#1042" in text and "1001" not in text.replace(LINK, ""))


def are_golden(channel: str, name: str, message: Rendered) -> None:
    """Compare every text of a message with its file."""
    subject = f"Subject: {message.subject}\n\n" if message.subject is not None else ""
    texts = {"txt": subject + message.text, "html": message.html}
    for kind, text in texts.items():
        file = GOLDEN / channel / f"{name}.{kind}"
        if text is not None and os.environ.get("GOLDEN") == "write":
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text, "utf-8")
        assert (file.read_text("utf-8") if file.exists() else None) == text


@pytest.mark.parametrize("name", TOLD)
def test_an_sms_stays_short(name: str) -> None:
    assert segments(render("sms", name, sample_facts(name, channel="sms")).text.strip()) <= 2


@pytest.mark.parametrize(
    ("text", "count"),
    [("a" * 160, 1), ("a" * 161, 2), ("€" * 80, 1), ("€" * 81, 2), ("ж" * 70, 1), ("ж" * 71, 2), ("😀" * 36, 2)],
)
def test_segments_are_counted_as_gateways_charge_them(text: str, count: int) -> None:
    assert segments(text) == count


def made(name: str | None = None, profile: Profile | None = None, *, line: str = "Lamp") -> Facts:
    shown = parcel(milestone("shipped"))
    line_state = {"line": "1", "name": line, "sku": None, "seller": None, "ordered": 1, "buckets": {"shipped": 1}}
    return facts(
        Identity("main:1001", "S1", "shipped", "S1", "email", "buyer"),
        status(shown, lines=[line_state]),
        name=name,
        profile=profile,
        brand="Shop",
        link=None,
        reached_at="2026-11-21T16:05:00+00:00",
    )


@pytest.mark.parametrize(
    "name", ["{{ order.secret }}", "${7*7}", "{% raw %}", "=?utf-8?q?Ada?=", "<script>alert(1)</script>", "Zoë 🦄"]
)
def test_a_name_is_data_and_never_a_template(name: str) -> None:
    message = render("email", "shipped", made(name, line=name))
    assert name in message.text
    assert message.html is not None
    assert "<script>" not in message.html


@pytest.mark.parametrize(
    "name", ["Win at https://evil.example", "see www.evil.example", "Prize: evil.example/x", "x" * 61, "", None]
)
def test_a_name_that_is_none_is_not_greeted(name: str | None) -> None:
    assert render("email", "shipped", made(name)).text.startswith("Hello,\n")


@pytest.mark.parametrize(
    ("locale", "country", "day"),
    [
        ("en-GB", None, "Saturday, 21 November"),
        ("en-US", "GB", "Saturday, November 21"),
        ("de", "DE", "Saturday, 21 November"),
        ("??", None, "Saturday, November 21"),
        (None, "ZZ", "Saturday, November 21"),
    ],
)
def test_dates_follow_the_customers_country(locale: str | None, country: str | None, day: str) -> None:
    destination = None if country is None else {"country": country}
    profile = book(placed_body(locale=locale, destination=destination)).profile
    assert (made(profile=profile).when or "").startswith(f"{day}, ")


def test_a_time_told_in_utc_is_shown_in_the_orders_zone() -> None:
    profile = book(placed_body(time_zone="Australia/Sydney", locale="en-GB")).profile
    shown = facts(
        Identity("main:1001", "S1", "shipped", "S1", "email", "buyer"),
        status(parcel(milestone("shipped")), time_zone=None),
        name=None,
        profile=profile,
        brand="Shop",
        link=None,
        reached_at="2026-11-21T16:05:00Z",
    )
    assert shown.when == "Sunday, 22 November, 03:05"


def test_an_unknown_zone_falls_back_to_the_carriers_clock() -> None:
    profile = book(placed_body(time_zone="../etc/passwd", locale="en-GB")).profile
    assert made(profile=profile).when == "Saturday, 21 November, 16:05"


def test_a_name_with_initials_is_greeted() -> None:
    assert render("email", "shipped", made("J.R. O'Neil-Smith")).text.startswith("Hello J.R. O'Neil-Smith,\n")


def test_a_parcel_that_is_left_out_does_not_show_the_orders_collection() -> None:
    store = {"store": "Leeds", "until": None, "hours": None}
    shown = facts(
        Identity("main:1001", "S1", "delivered", "S1", "email", "buyer"),
        status(truncated=True, collection=store),
        name=None,
        profile=None,
        brand="Shop",
        link=None,
        reached_at="2026-11-21T16:05:00Z",
    )
    assert (shown.store, shown.items) == (None, ())


def test_a_time_of_which_only_the_day_is_known_shows_no_midnight() -> None:
    scan = {
        "at": "2026-11-21T00:00:00+00:00", "time_precision": "day", "time_kind": "utc", "stage": "delivered",
        "substatus": None, "description": None, "place": None,
    }  # fmt: skip
    told = parcel(milestone("delivered")) | {"last_scan": scan}
    shown = facts(
        Identity("main:1001", "S1", "delivered", "S1", "email", "buyer"),
        status(told),
        name=None,
        profile=None,
        brand="Shop",
        link=None,
        reached_at="2026-11-21T00:00:00+00:00",
    )
    assert shown.when == "Saturday, November 21"


def test_a_parcel_without_a_number_says_that_it_follows() -> None:
    shown = facts(
        Identity("main:1001", "S1", "shipped", "S1", "email", "buyer"),
        status(parcel(milestone("shipped")) | {"number": None}),
        name=None,
        profile=None,
        brand="Shop",
        link=None,
        reached_at="2026-11-21T16:05:00Z",
    )
    assert NO_NUMBER_YET in render("email", "shipped", shown).text


@pytest.mark.parametrize("name", list(Milestone))
def test_every_milestone_has_facts_with_its_words_told_or_not(name: Milestone) -> None:
    given = sample_facts(name, channel="email")
    assert given.words == MILESTONE_WORDS[name].words
    assert given.news == f"your order 1001 {MILESTONE_WORDS[name].news}"
