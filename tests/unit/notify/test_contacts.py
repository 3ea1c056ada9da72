"""The book of an order: the same in whatever order its events come."""

from itertools import permutations
from typing import Any

from services.notify.contacts import BOOK, EMPTY, Book, fold, stamp
from tests.unit.notify.making import NOW, book, changed_body, contact, event, placed_body, wishes_body


def folded(bodies: list[tuple[str, dict[str, Any]]]) -> Book:
    result = EMPTY
    for event_id, body in bodies:
        one = event(body)
        result = fold(result, one, stamp(one, source="oms", event_id=event_id))
    return result


EVENTS = [
    ("e1", placed_body(locale="de-DE", time_zone="Europe/Berlin")),
    ("e2", changed_body(contact(email="two@example.com"), minutes=-500)),
    ("e3", changed_body(contact(email="three@example.com"), minutes=-500)),
    ("e3", changed_body(contact(email="another@example.com"), minutes=-500)),  # two contents under one id
    ("e4", wishes_body(sms=True)),
]


def test_any_order_of_events_gives_the_same_book() -> None:
    books = {BOOK.dump_json(folded(list(order))) for order in permutations(EVENTS)}
    assert len(books) == 1


def test_a_repeated_event_changes_nothing() -> None:
    assert folded(EVENTS) == folded([*EVENTS, *EVENTS])


def test_the_newest_contact_of_a_role_counts() -> None:
    known = book(placed_body(contact(email="old@example.com")), changed_body(contact(email="new@example.com")))
    assert known.entries["buyer"].contact.email == "new@example.com"


def test_of_two_contacts_in_one_role_the_first_counts() -> None:
    known = book(placed_body(contact(email="one@example.com"), contact(email="two@example.com")))
    assert known.entries["buyer"].contact.email == "one@example.com"


def test_a_contact_without_any_address_takes_the_old_one_away() -> None:
    known = book(placed_body(), changed_body({"role": "buyer", "name": "Ada"}))
    assert known.entries["buyer"].contact.email is None


def test_a_book_survives_the_database() -> None:
    known = folded(EVENTS)
    assert BOOK.validate_json(BOOK.dump_json(known, exclude_none=True)) == known


def test_no_contact_shows_when_a_book_is_printed() -> None:
    known = book(placed_body(contact(name="Canary", email="canary@example.com", phone="+447700900123")))
    assert "anary" not in repr(known)
    assert "7700900123" not in repr(known)
    assert known.entries["buyer"].named_since is not None
    assert known.entries["buyer"].named_since < NOW
