"""`trackfold proofs`, without a database."""

from hashlib import sha256
from pathlib import Path

import pytest
from typer.testing import CliRunner

from services.ingest.proofs.commands import app
from services.ingest.proofs.settings import ProofSection
from services.ingest.proofs.store import open_store
from services.runtime.errors import Misconfigured

CONTENT = b"a picture"
NAME = sha256(CONTENT).hexdigest()


@pytest.fixture
async def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A store with one proof, which the environment names."""
    url = f"file://{tmp_path}/proofs"
    monkeypatch.setenv("TRACKFOLD_INGEST__PROOFS__URL", url)
    async with open_store(ProofSection(url=url)) as store:
        assert store is not None
        await store.put(NAME, CONTENT, media_type="image/png")
    return tmp_path


def test_a_proof_is_written_to_a_new_file_and_never_over_another(folder: Path) -> None:
    out = folder / "out.png"
    assert CliRunner().invoke(app, ["show", NAME, "--out", str(out)]).exit_code == 0
    assert out.read_bytes() == CONTENT
    again = CliRunner().invoke(app, ["show", NAME, "--out", str(out)])
    assert (again.exit_code, "there already" in again.output) == (2, True)


def test_what_is_not_there_or_not_what_its_name_says_is_not_shown(folder: Path) -> None:
    out = folder / "out.png"
    assert CliRunner().invoke(app, ["show", "a" * 64, "--out", str(out)]).exit_code == 1
    (folder / "proofs" / NAME[:2] / NAME).write_bytes(b"another")
    assert CliRunner().invoke(app, ["show", NAME, "--out", str(out)]).exit_code == 1
    assert CliRunner().invoke(app, ["show", "../../etc/passwd", "--out", str(out)]).exit_code == 2
    assert not out.exists()


@pytest.mark.usefixtures("folder")
def test_nothing_young_expires() -> None:
    found = CliRunner().invoke(app, ["expire", "--older-than", "1", "--json"])
    assert (found.exit_code, found.stdout) == (0, '{"dry_run": false, "expired": []}\n')


@pytest.mark.usefixtures("folder")
def test_erasing_says_what_it_needs() -> None:
    assert isinstance(CliRunner().invoke(app, ["erase", "ups:1Z999AA10123456784"]).exception, Misconfigured)
    assert CliRunner().invoke(app, ["erase", "1Z999AA10123456784"]).exit_code == 2


def test_without_a_store_every_command_says_which_setting_is_missing() -> None:
    failed = CliRunner().invoke(app, ["expire"]).exception
    assert isinstance(failed, Misconfigured)
    assert "TRACKFOLD_INGEST__PROOFS__URL" in failed.hint
