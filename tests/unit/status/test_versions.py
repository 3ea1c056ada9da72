"""Which program may fold: the one whose version the database names (rule E6)."""

import json

import pytest

from services.runtime.errors import Exit, ExitCode, Transient
from services.status.versions import Active, judge, show


@pytest.mark.parametrize("active", [None, 2])
def test_a_program_folds_where_its_version_is_active_or_none_is(active: int | None) -> None:
    judge(active, 2)


def test_an_older_program_leaves_with_75() -> None:
    with pytest.raises(Exit, match="machine version 3 is active, this program has 2") as ended:
        judge(3, 2)
    assert ended.value.code is ExitCode.TRY_AGAIN


def test_a_newer_program_waits_and_says_what_to_run() -> None:
    with pytest.raises(Transient, match="run `trackfold machine activate`"):
        judge(1, 2)


def test_it_is_shown_in_words_and_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    show(Active(None, 2, None), as_json=False)
    show(Active(1, 2, "2026-01-01T00:00:00+00:00"), as_json=False)
    assert capsys.readouterr().out.splitlines() == [
        "active: none yet",
        "this program: 2",
        "active: 1 since 2026-01-01T00:00:00+00:00",
        "this program: 2",
    ]
    show(Active(1, 2, None), as_json=True)
    assert json.loads(capsys.readouterr().out) == {"active": 1, "program": 2, "activated_at": None}
