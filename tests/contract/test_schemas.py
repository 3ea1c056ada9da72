"""The contract: examples, generated JSON Schema, and that neither time nor strangers break a reader."""

import json
import shutil
from pathlib import Path
from typing import Any, Literal, get_args

import jsonschema
import pytest
from pydantic import BaseModel, Field, TypeAdapter, ValidationError

from schemas import export
from schemas.base import Model
from schemas.order_events import EVENT_TYPES, ORDER_EVENT, Line, OrderEventBase
from schemas.scans import SCAN, Scan
from schemas.topics import TOPICS, Topic
from schemas.vocabulary import ScanKind
from tests.contract.compatibility import problems

WITH_MODEL = [topic for topic in TOPICS.values() if topic.model is not None]
CANARY = "ada.canary@example.com"


def examples(topic: Topic) -> list[Path]:
    return sorted((export.ROOT / topic.stem / "examples" / f"v{topic.version}").glob("*.json"))


EXAMPLES = [
    pytest.param(topic, path, id=f"{topic.stem}/{path.stem}") for topic in WITH_MODEL for path in examples(topic)
]
TOPIC_PARAMS = [pytest.param(topic, id=topic.name) for topic in WITH_MODEL]


def adapter(topic: Topic) -> TypeAdapter[Any]:
    assert topic.model is not None
    return topic.model


def subclasses(model: type[BaseModel]) -> list[type[BaseModel]]:
    return [found for child in model.__subclasses__() for found in (child, *subclasses(child))]


@pytest.mark.parametrize(("topic", "path"), EXAMPLES)
def test_an_example_is_what_its_json_schema_says(topic: Topic, path: Path) -> None:
    schema = json.loads(export.schema_path(topic).read_text())
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.Draft202012Validator(schema).validate(json.loads(path.read_text()))


@pytest.mark.parametrize(("topic", "path"), EXAMPLES)
def test_an_example_that_is_read_and_written_again_reads_the_same(topic: Topic, path: Path) -> None:
    read = adapter(topic).validate_json(path.read_bytes())
    written = adapter(topic).dump_json(read)
    assert adapter(topic).validate_json(written) == read
    jsonschema.validate(json.loads(written), json.loads(export.schema_path(topic).read_text()))


@pytest.mark.parametrize("topic", TOPIC_PARAMS)
def test_what_is_on_the_topic_already_can_still_be_read(topic: Topic) -> None:
    assert examples(topic), "a topic without an example"
    assert problems(adapter(topic), examples(topic)) == []


def test_no_example_lies_where_no_topic_reads_it() -> None:
    known = {path for topic in WITH_MODEL for path in examples(topic)}
    assert set(export.ROOT.glob("*/examples/**/*.json")) == known


def test_a_new_required_field_a_narrowed_and_a_dropped_one_are_found_out() -> None:
    class Demanding(Scan):
        weight: int

    class Narrowed(Scan):
        stage: Literal["in_transit"]

    class Forgetful(BaseModel):
        kind: str

    class Shortened(Scan):
        event_key: str = Field(max_length=8)

    scans = [path for path in examples(TOPICS["carrier.scans.v1"]) if path.stem in {"scan", "by_reference"}]
    assert problems(SCAN, scans) == []
    for changed in (Demanding, Narrowed, Forgetful, Shortened):
        assert problems(TypeAdapter(changed), scans), f"{changed.__name__} went unnoticed"


def test_the_checked_in_json_schema_is_what_the_models_generate(capsys: pytest.CaptureFixture[str]) -> None:
    assert export.main(["--check"]) == 0, capsys.readouterr().out


def test_a_stale_json_schema_is_named_and_written_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    root = tmp_path / "schemas"
    shutil.copytree(export.ROOT, root, ignore=shutil.ignore_patterns("*.py", "__pycache__"))
    monkeypatch.setattr(export, "ROOT", root)
    (root / "carrier.scans" / "v1.json").write_text("{}")

    assert export.main(["--check"]) == 1
    assert "carrier.scans/v1.json" in capsys.readouterr().out
    assert export.main([]) == 0
    assert export.main(["--check"]) == 0


def test_every_order_event_type_has_an_example() -> None:
    told = {json.loads(path.read_text())["type"] for path in examples(TOPICS["order.events.v1"])}
    assert set(EVENT_TYPES) <= told
    assert told - set(EVENT_TYPES), "one of a later version"


def test_every_scan_kind_has_an_example() -> None:
    assert {json.loads(path.read_text())["kind"] for path in examples(TOPICS["carrier.scans.v1"])} >= set(ScanKind)


@pytest.mark.parametrize(("topic", "path"), EXAMPLES)
def test_a_field_of_a_later_version_is_ignored(topic: Topic, path: Path) -> None:
    body = json.loads(path.read_text())
    read = adapter(topic).validate_python(body)
    assert adapter(topic).validate_python({**body, "from_the_future": {"deep": [1]}}) == read


@pytest.mark.parametrize(
    ("topic", "example", "field"),
    [
        ("carrier.scans.v1", "scan", "kind"),
        ("carrier.scans.v1", "scan", "stage"),
        ("carrier.scans.v1", "scan", "leg"),
        ("carrier.scans.v1", "scan", "substatus"),
        ("carrier.scans.v1", "scan", "time_precision"),
        ("carrier.scans.v1", "scan", "time_kind"),
        ("order.events.v1", "placed", "delivery_method"),
        ("order.status.v1", "out_for_delivery", "state"),
        ("notification.outcomes.v1", "accepted", "outcome"),
        ("notification.outcomes.v1", "accepted", "channel"),
        ("dead-letters.v1", "quarantined", "action"),
    ],
)
def test_a_word_this_version_does_not_know_is_kept(topic: str, example: str, field: str) -> None:
    path = next(path for path in examples(TOPICS[topic]) if path.stem == example)
    read = adapter(TOPICS[topic]).validate_python({**json.loads(path.read_text()), field: "teleported"})
    assert getattr(read, field) == "teleported"


def test_an_event_type_this_version_does_not_know_is_kept_with_its_order_and_time() -> None:
    event = ORDER_EVENT.validate_python(
        {"type": "gift_wrapped", "order": "1", "occurred_at": "2026-11-20T09:00:00Z", "ribbon": "red"}
    )
    assert (event.type, event.key) == ("gift_wrapped", "main:1")


def test_every_model_of_the_contract_is_frozen_and_hides_its_input() -> None:
    models = [model for model in subclasses(Model) if model.__module__.startswith("schemas.")]
    assert len(models) > 30
    for model in models:
        assert model.model_config.get("frozen"), model.__name__
        assert model.model_config.get("hide_input_in_errors"), model.__name__
        assert model.model_config.get("extra") == "ignore", model.__name__


@pytest.mark.parametrize(("topic", "path"), EXAMPLES)
def test_a_message_that_was_read_cannot_be_changed(topic: Topic, path: Path) -> None:
    read = adapter(topic).validate_json(path.read_bytes())
    with pytest.raises(ValidationError, match="frozen"):
        setattr(read, next(iter(type(read).model_fields)), "other")


PLACED: dict[str, Any] = {
    "type": "placed", "order": "1", "occurred_at": "2026-11-20T09:00:00Z", "lines": [{"line": "1", "quantity": 1}],
}  # fmt: skip


@pytest.mark.parametrize(
    "body",
    [
        json.dumps(CANARY),
        json.dumps([CANARY]),
        json.dumps({"type": CANARY}),
        json.dumps({**PLACED, "contacts": [{"role": CANARY}]}),
        json.dumps({**PLACED, "contacts": [{"role": "buyer", "email": [CANARY]}]}),
        json.dumps({**PLACED, "contacts": CANARY}),
        json.dumps({**PLACED, "contacts": [{"email": CANARY}]}),
        json.dumps({**PLACED, "occurred_at": CANARY}),
        json.dumps({**PLACED, "destination": {"country": CANARY}}),
        json.dumps({**PLACED, "promised": {"day": CANARY}}),
        json.dumps({**PLACED, "lines": [{"line": CANARY, "quantity": 1}] * 2}),
        json.dumps(PLACED)[:-1] + f', "contacts": [{{"email": "{CANARY}"',
    ],
)
@pytest.mark.parametrize("topic", TOPIC_PARAMS)
def test_an_error_never_shows_what_was_sent(topic: Topic, body: str) -> None:
    with pytest.raises(ValidationError) as refused:
        adapter(topic).validate_json(body)
    assert CANARY not in str(refused.value)
    assert CANARY not in repr(refused.value)


def test_a_contact_does_not_show_in_the_repr_of_an_order_event() -> None:
    contact = {"role": "buyer", "name": CANARY, "email": CANARY, "phone": CANARY, "postcode": CANARY}
    event = ORDER_EVENT.validate_python({**PLACED, "contacts": [contact]})
    assert CANARY not in repr(event)
    assert CANARY not in str(event)


def test_every_union_member_is_told_apart_by_its_type() -> None:
    ours = [model for model in subclasses(OrderEventBase) if model.__module__.startswith("schemas.")]
    members = [model for model in ours if "type" in model.model_fields]
    literals = [get_args(model.model_fields["type"].annotation) for model in members]
    assert sorted(name for names in literals for name in names) == sorted(EVENT_TYPES)


def test_a_window_that_says_nothing_is_refused() -> None:
    with pytest.raises(ValidationError, match="day or an end"):
        ORDER_EVENT.validate_python({**PLACED, "promised": {"starts": "2026-11-20T09:00:00Z"}})


def test_a_scan_without_number_and_reference_has_no_key() -> None:
    path = next(path for path in examples(TOPICS["carrier.scans.v1"]) if path.stem == "scan")
    scan = SCAN.validate_python({**json.loads(path.read_text()), "number": None, "references": {}})
    with pytest.raises(ValueError, match="number or a reference"):
        _ = scan.key


def test_a_line_that_is_named_twice_is_refused() -> None:
    with pytest.raises(ValidationError, match="once"):
        ORDER_EVENT.validate_python({**PLACED, "lines": [Line(line="1", quantity=1).model_dump()] * 2})
