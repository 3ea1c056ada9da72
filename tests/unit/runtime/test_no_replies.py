"""Nothing that a record says makes a service publish: every subscriber of FastStream's is told not to reply."""

import ast
from pathlib import Path
from typing import Final

import pytest

ROOT: Final = Path(__file__).resolve().parents[3]
#: The one place where FastStream's subscribers and brokers are made.
WIRING: Final = "services/runtime/subscribing.py"
#: What FastStream offers to publish a handler's answer, by name.
PUBLISHERS: Final = {"publisher", "publish", "request", "publish_batch"}


def calls(source: str, name: str) -> list[ast.Call]:
    """Return the calls of a method of that name."""
    found = (node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Call))
    return [call for call in found if isinstance(call.func, ast.Attribute) and call.func.attr == name]


def replies(source: str) -> list[str]:
    """Return the subscribers of a module that would reply."""
    return [
        ast.unparse(call)
        for call in calls(source, "subscriber")
        if not any(one.arg == "no_reply" and ast.unparse(one.value) == "True" for one in call.keywords)
    ]


FILES: Final = {
    path.relative_to(ROOT).as_posix(): path.read_text() for path in sorted((ROOT / "services").rglob("*.py"))
}


@pytest.mark.parametrize("file", FILES)
def test_no_subscriber_replies(file: str) -> None:
    assert replies(FILES[file]) == []


def test_subscribers_are_made_in_one_place_whose_broker_can_publish_nothing() -> None:
    assert [file for file, source in FILES.items() if calls(source, "subscriber")] == [WIRING]
    assert [
        file for file, source in FILES.items() if "from faststream" in source and "TYPE_CHECKING" not in source
    ] == [WIRING]
    assert "consumer_only=True" in FILES[WIRING]
    assert [name for name in PUBLISHERS if calls(FILES[WIRING], name)] == []


@pytest.mark.parametrize("options", ["", "no_reply=False", "no_reply=settings.quiet"])
def test_a_subscriber_that_would_reply_is_found(options: str) -> None:
    assert len(replies(f"broker.subscriber('topic', {options})")) == 1
