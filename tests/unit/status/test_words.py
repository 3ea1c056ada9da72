"""Words: every status has its row in the one table, and nothing else in the code holds such a text."""

import ast
import re
from pathlib import Path

import pytest

import schemas
import services
from schemas.vocabulary import Bucket, Condition, Milestone, OrderState, Stage
from schemas.words import (
    BUCKET_WORDS,
    COLLECTION_STEPS,
    CONDITION_WORDS,
    DELIVERY_STEPS,
    MILESTONE_WORDS,
    NO_NUMBER_YET,
    NO_PARCEL_YET,
    NO_SCAN_YET,
    ORDER_CONDITION_WORDS,
    ORDER_SUBSTATUS_WORDS,
    ORDER_WORDS,
    OVERRULED,
    PARCEL_SUBSTATUS_WORDS,
    PARCEL_WORDS,
    RETURN_ANNOUNCED,
    RETURNING,
    SHIPPED,
    SHIPPED_WITHOUT_NUMBER,
    SHIPPED_WITHOUT_SCAN,
    WHO_ACTS,
    Words,
)

SERVICES, SCHEMAS = Path(services.__file__).parent, Path(schemas.__file__).parent
TABLE = SCHEMAS / "words"
ROWS: dict[str, Words] = {
    **{f"order {name}": words for name, words in ORDER_WORDS.items()},
    **{f"parcel {name}": words for name, words in PARCEL_WORDS.items()},
    **{f"condition {name}": words for name, words in CONDITION_WORDS.items()},
    **{f"order's condition {name}": words for name, words in ORDER_CONDITION_WORDS.items()},
    **{f"order {' '.join(name)}": words for name, words in ORDER_SUBSTATUS_WORDS.items()},
    **{f"parcel {' '.join(name)}": words for name, words in PARCEL_SUBSTATUS_WORDS.items()},
    "shipped": SHIPPED, "shipped without scan": SHIPPED_WITHOUT_SCAN, "returning": RETURNING,
    "return announced": RETURN_ANNOUNCED, "overruled": OVERRULED,
}  # fmt: skip
TEXTS = {
    *(text for words in ROWS.values() for text in (words.definition, words.sentence, words.next)),
    NO_NUMBER_YET, NO_PARCEL_YET, NO_SCAN_YET, SHIPPED_WITHOUT_NUMBER,
}  # fmt: skip
#: The customers' words (docs/state-model.md): each has its row.
VOCABULARY = (
    "Processing", "Picking", "Ready to Collect", "Shipped", "Out for Delivery", "Delivered", "In Transit",
    "Partially Shipped", "Partially Delivered", "Delivery Attempted", "Delayed", "Returning", "Returned",
    "Partially Returned", "Lost", "Cancelled", "Collected", "Awaiting Payment", "On Hold", "Closed",
    "Number Not Known Yet",
)  # fmt: skip


@pytest.mark.parametrize("row", ROWS)
def test_every_row_says_what_it_means_what_follows_and_who_acts(row: str) -> None:
    words = ROWS[row]
    assert words.status
    assert words.definition.endswith(".")
    assert words.sentence.endswith((".", "!"))
    assert words.next.endswith((".", "!"))
    assert words.acts in {"nobody", *WHO_ACTS}
    assert not words.required or words.acts in WHO_ACTS


@pytest.mark.parametrize(
    ("vocabulary", "table"),
    [
        (OrderState, ORDER_WORDS),
        (Stage, PARCEL_WORDS),
        (Condition, CONDITION_WORDS),
        (Bucket, BUCKET_WORDS),
        (Milestone, MILESTONE_WORDS),
    ],
)
def test_every_word_of_the_vocabulary_has_its_row(vocabulary: type[OrderState], table: dict[str, object]) -> None:
    assert set(table) == set(vocabulary)


def test_the_customers_vocabulary_is_complete() -> None:
    assert set(VOCABULARY) <= {words.status for words in ROWS.values()}


def test_processing_means_received_and_paid() -> None:
    words = ORDER_WORDS[OrderState.PROCESSING]
    assert words.definition.startswith("Received and paid")
    assert words.sentence == "We have your order and your payment."


def test_the_steps_of_both_ways_are_states_of_the_table() -> None:
    delivery, collection = ([ORDER_WORDS[state].status for state in way] for way in (DELIVERY_STEPS, COLLECTION_STEPS))
    assert delivery == ["Processing", "Picking", "Shipped", "Out for Delivery", "Delivered"]
    assert collection == ["Processing", "Picking", "Ready to Collect", "Collected"]


@pytest.mark.parametrize("milestone", list(Milestone))
def test_every_message_has_its_news_and_stands_on_a_step_of_its_way(milestone: Milestone) -> None:
    told = MILESTONE_WORDS[milestone]
    assert told.news
    assert not told.news.endswith(".")
    assert told.words in ROWS.values()
    assert 0 <= told.step <= len(told.steps)
    assert (told.step == 0) == (milestone in {Milestone.RETURNED, Milestone.LOST, Milestone.CANCELLED})


def test_a_condition_asks_somebody_exactly_where_nothing_goes_on_without_them() -> None:
    for name, words in CONDITION_WORDS.items():
        assert words.required == (words.acts in {"customer", "shop"}), name


def test_no_two_order_states_read_the_same() -> None:
    assert len({words.status for words in ORDER_WORDS.values()}) == len(OrderState)
    assert len({words.sentence for words in ORDER_WORDS.values()}) == len(OrderState)


def test_one_status_has_one_name_for_orders_and_parcels() -> None:
    names = {words.status for words in ROWS.values()}
    assert len({name.casefold() for name in names}) == len(names)


def test_customers_read_parcel_and_never_shipment_or_our_own_words() -> None:
    for words in ROWS.values():
        text = f"{words.status} {words.sentence} {words.next}"
        assert "shipment" not in text.lower()
        assert "_" not in text


def repeated(path: Path, text: str) -> list[str]:
    """Return the texts of the table that a file holds too; in Python only what is a text, not a docstring's part."""
    if path.suffix != ".py":
        return sorted(one for one in TEXTS if one in " ".join(text.split()))
    found = {node.value for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Constant)}
    strings = [" ".join(one.split()) for one in found if isinstance(one, str)]
    return sorted(one for one in TEXTS if any(one in string for string in strings))


def test_no_text_of_the_table_stands_in_a_second_place() -> None:
    others = [
        path
        for root in (SERVICES, SCHEMAS)
        for path in root.rglob("*")
        if path.suffix in {".py", ".j2"} and TABLE not in path.parents
    ]
    assert len(others) > 100
    assert {str(path): found for path in others if (found := repeated(path, path.read_text()))} == {}


def literal(template: str) -> str:
    """Return what a template says itself: its text, and the texts in its expressions; no comments, marks and styles."""
    template = re.sub(r"\{#.*?#\}|<style>.*?</style>", " ", template, flags=re.DOTALL)
    template = re.sub(r"\{[{%].*?[}%]\}", _texts_in, template, flags=re.DOTALL)
    return re.sub(r"<[^>]*>", " ", template, flags=re.DOTALL)


def _texts_in(expression: re.Match[str]) -> str:
    return " ".join(double or single for double, single in re.findall(r'"([^"]*)"|\'([^\']*)\'', expression[0]))


def named(text: str) -> list[str]:
    """Return the statuses whose names stand in a text as such: as one of the table's names, in its capitals."""
    names = {words.status for words in ROWS.values()}
    return sorted(name for name in names if re.search(rf"\b{re.escape(name)}\b", text))


def test_no_template_names_a_status_itself() -> None:
    templates = list(SERVICES.rglob("*.j2"))
    assert len(templates) > 15
    assert {path.name: found for path in templates if (found := named(literal(path.read_text())))} == {}


def test_no_message_says_in_its_own_words_what_the_table_says() -> None:
    phrases = {told.news for told in MILESTONE_WORDS.values()} | {"on its way", "out for delivery"}
    for path in (SERVICES / "notify" / "templates").rglob("*.j2"):
        said = literal(path.read_text()).casefold()
        assert [phrase for phrase in phrases if phrase in said] == [], path.name


def test_the_search_finds_what_it_is_for() -> None:
    assert repeated(Path("a.py"), 'TEXT = "We are sorry. The carrier tries again."')
    assert not repeated(Path("a.py"), "# The carrier tries again.")
    assert repeated(Path("a.j2"), "<p>Your order\nhas been delivered.</p>")
    assert named(literal("<p class='Lost'>Step: Out for Delivery</p>{{ 'Delivered' if at }}{# Closed #}")) == [
        "Delivered", "Out for Delivery",
    ]  # fmt: skip
