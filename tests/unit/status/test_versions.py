"""Which program may fold: the one whose version the database names (rule E6)."""

import getpass
import json

import pytest

from services import cli
from services.runtime.errors import Exit, ExitCode, Misconfigured, Transient
from services.runtime.settings import OperatorSettings
from services.status import versions
from services.status.versions import MACHINE_VERSION, Activation, Active, allow, judge, show


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
    show(Active(1, 2, None, "ada", "release 7"), as_json=False)
    assert "activated by: ada (release 7)" in capsys.readouterr().out
    show(Active(1, 2, None), as_json=True)
    told = {"active": 1, "program": 2, "activated_at": None, "author": None, "reason": None}
    assert json.loads(capsys.readouterr().out) == told


@pytest.mark.parametrize("version", [1, 2])
def test_an_operator_may_go_back_to_any_version_up_to_the_programs_own(version: int) -> None:
    assert allow(version, 2, force=False) == ""


def test_a_version_above_the_programs_own_is_refused_unless_forced() -> None:
    with pytest.raises(Misconfigured, match="version 3 is above this program's 2") as refused:
        allow(3, 2, force=False)
    assert "--force" in refused.value.hint
    assert "every process of status with an older one ends with 75" in allow(3, 2, force=True)


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[Activation | None]:
    """What the command asks the database for; there is none behind it."""
    found: list[Activation | None] = []

    async def ask(_: OperatorSettings, activation: Activation | None = None) -> Active:
        found.append(activation)
        return Active(None if activation is None else activation.version, MACHINE_VERSION, None)

    monkeypatch.setattr(versions, "ask", ask)
    return found


def test_the_command_refuses_a_version_that_this_program_does_not_have(
    asked: list[Activation | None], capsys: pytest.CaptureFixture[str]
) -> None:
    """Rule E6: activating 99 would end every process of the installation."""
    assert cli.main(["machine", "activate", "--version", "99"]) == ExitCode.CONFIG
    assert asked == []
    said = capsys.readouterr()
    assert said.out == ""
    assert f"version 99 is above this program's {MACHINE_VERSION}" in said.err
    assert "next: run it with the new program; or --force" in said.err


def test_the_command_warns_where_it_is_forced_and_not_where_it_goes_back(
    asked: list[Activation | None], capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["machine", "activate", "--version", "99", "--force", "--json"]) == ExitCode.OK
    said = capsys.readouterr()
    assert json.loads(said.out)["active"] == 99
    assert "warning: version 99 is above" in said.err
    assert cli.main(["machine", "activate", "--version", "1"]) == ExitCode.OK
    assert cli.main(["machine", "activate"]) == ExitCode.OK
    assert capsys.readouterr().err == ""
    assert [one and one.version for one in asked] == [99, 1, MACHINE_VERSION]


def test_who_activates_and_why_goes_with_the_version(
    asked: list[Activation | None], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert cli.main(["machine", "activate", "--author", "ada", "--reason", "release 7"]) == ExitCode.OK
    monkeypatch.setattr(getpass, "getuser", lambda: "grace")
    assert cli.main(["machine", "activate", "--version", "1"]) == ExitCode.OK
    assert asked == [Activation(MACHINE_VERSION, "ada", "release 7"), Activation(1, "grace", "")]


def test_nobody_activates_without_a_name(
    asked: list[Activation | None], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def nameless() -> str:
        raise KeyError

    monkeypatch.setattr(getpass, "getuser", nameless)
    assert cli.main(["machine", "activate"]) == ExitCode.USAGE
    assert cli.main(["machine", "activate", "--author", " "]) == ExitCode.USAGE
    assert "--author" in capsys.readouterr().err
    assert asked == []
