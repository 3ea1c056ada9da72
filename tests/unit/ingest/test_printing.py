"""How listings print: nothing is cut, neither in a pipe nor on a narrow terminal."""

import pytest

from services.ingest.printing import console, table

REASON = "refused (TRACKER.CREATE.ERROR_and_a_long_reason)"


def printed(capsys: pytest.CaptureFixture[str]) -> str:
    shown = table("carrier", "number", "registration", "next")
    shown.add_row("royal-mail", "RM123456789012345678901234", REASON, "register 2026-11-22 09:21")
    console().print(shown)
    return capsys.readouterr().out


def test_into_a_pipe_a_row_is_one_line_with_all_that_it_says(capsys: pytest.CaptureFixture[str]) -> None:
    assert any(REASON in line and "RM123456789012345678901234" in line for line in printed(capsys).splitlines())


def test_on_a_narrow_terminal_words_are_broken_and_never_cut(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    monkeypatch.setenv("TERM", "dumb")
    said = printed(capsys)
    assert "…" not in said
    assert max(map(len, said.splitlines())) <= 80  # of a dumb terminal
