"""Who adopts another log is written down: a container's user without a name has to say who it is."""

import getpass

import pytest
import typer

from services.runtime import offsets_command
from services.runtime.adopting import From
from services.runtime.offsets_command import Wish


def wish(author: str | None) -> Wish:
    return Wish(
        service="status", group=None, topic=None, start=From.START, everything=False, author=author, reason="a test",
        yes=True,
    )  # fmt: skip


@pytest.mark.parametrize("failure", [KeyError, OSError])
def test_a_user_without_a_name_is_asked_for_one(failure: type[Exception], monkeypatch: pytest.MonkeyPatch) -> None:
    def nameless() -> str:
        raise failure

    monkeypatch.setattr(getpass, "getuser", nameless)
    with pytest.raises(typer.BadParameter, match="--author"):
        offsets_command._author(wish(None))  # noqa: SLF001 - the rule itself
    assert offsets_command._author(wish("ada")) == "ada"  # noqa: SLF001
