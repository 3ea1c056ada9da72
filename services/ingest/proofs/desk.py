"""The work of `trackfold proofs`: opens store and index as the settings say, and prints what came of it."""

import hashlib
import json
import re
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Final

import typer

from schemas.keys import shipment_key
from services.ingest.proofs import erasure
from services.ingest.proofs.index import ProofIndex
from services.ingest.proofs.retention import Retention
from services.ingest.proofs.settings import ProofSection
from services.ingest.proofs.store import ProofStore, open_store
from services.ingest.settings import IngestSettings
from services.runtime import clock, environment, postgres
from services.runtime.errors import ExitCode, Misconfigured
from services.runtime.settings import PostgresSettings

_SHA256: Final = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Desk:
    """What the commands need of the settings."""

    proofs: ProofSection
    database: PostgresSettings


def settings() -> Desk:
    """Return them, from the environment."""
    loaded = environment.load(IngestSettings)
    return Desk(loaded.ingest.proofs, loaded.postgres)


async def show(desk: Desk, sha256: str, out: Path) -> int:
    """Write one proof to a file of its own, readable by its owner alone; returns the exit code."""
    if not _SHA256.fullmatch(sha256):
        raise typer.BadParameter("a hash is 64 hexadecimal digits, as a scan's `proofs` has it", param_hint="SHA256")
    async with _store(desk) as store:
        content = await store.get(sha256)
    if content is None:
        typer.echo("not there: never kept, too old, or erased", err=True)
        return ExitCode.FAILED
    if hashlib.sha256(content).hexdigest() != sha256:
        typer.echo("what the store has under this hash is something else", err=True)
        return ExitCode.FAILED
    _write(out, content)
    typer.echo(f"{len(content)} bytes", err=True)
    return ExitCode.OK


def _write(out: Path, content: bytes) -> None:
    try:
        out.touch(mode=0o600, exist_ok=False)
    except FileExistsError:
        raise typer.BadParameter("the file is there already", param_hint="--out") from None
    out.write_bytes(content)


async def expire(desk: Desk, *, days: int | None, dry_run: bool, as_json: bool) -> None:
    """Delete what is too old from the whole store, and say which."""
    chosen = desk.proofs.retention_days if days is None else days
    async with _store(desk) as store, _index(desk) as index:
        gone = await Retention(store, index, chosen).expire(now=clock.now(), dry_run=dry_run)
    before = (clock.now() - timedelta(days=chosen)).date().isoformat()
    _say({"expired": gone}, dry_run=dry_run, as_json=as_json)
    typer.echo(f"{len(gone)} proofs of before {before}" + (" would go" if dry_run else " deleted"), err=True)


async def erase(desk: Desk, shipment: str, *, dry_run: bool, as_json: bool) -> None:
    """Delete the proofs of a shipment, and say which."""
    key = _key(shipment)
    async with _store(desk) as store, _index(desk) as index:
        if index is None:
            raise Misconfigured(
                "no_proof_index",
                "nobody knows which shipment has which proof: the index is off",
                hint="TRACKFOLD_INGEST__PROOFS__INDEX=true; what was kept before it goes by its age",
            )
        erased = await erasure.erase(store, index, key, dry_run=dry_run)
    _say({"erased": erased.deleted, "shared": erased.shared}, dry_run=dry_run, as_json=as_json)
    if dry_run:
        typer.echo("nothing was deleted: --yes does it", err=True)


def _key(shipment: str) -> str:
    if shipment.startswith("ref:"):
        return shipment
    carrier, colon, number = shipment.partition(":")
    try:
        return shipment_key(carrier, number if colon else "")
    except ValueError:
        raise typer.BadParameter("a shipment's key is `carrier:number`", param_hint="SHIPMENT") from None


@asynccontextmanager
async def _store(desk: Desk) -> AsyncIterator[ProofStore]:
    async with open_store(desk.proofs) as store:
        if store is None:
            hint = "set TRACKFOLD_INGEST__PROOFS__URL as ingest has it"
            raise Misconfigured("no_proof_store", "no store of proofs is set", hint=hint)
        yield store


@asynccontextmanager
async def _index(desk: Desk) -> AsyncIterator[ProofIndex | None]:
    if not desk.proofs.index:
        yield None
        return
    async with postgres.open_pool(desk.database, "trackfold-proofs") as pool:
        yield ProofIndex(pool)


def _say(found: dict[str, Sequence[str]], *, dry_run: bool, as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps({"dry_run": dry_run} | {name: list(hashes) for name, hashes in found.items()}))
        return
    for name, hashes in found.items():
        for sha256 in hashes:
            typer.echo(f"{name}\t{sha256}")
