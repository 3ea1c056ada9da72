"""`trackfold proofs ...`: look at one proof, delete what is too old, erase the proofs of a shipment.

Imports nothing heavy at the top, so that `trackfold --help` is quick. The work stands in `desk.py`.
"""

import asyncio
from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(help="Photos, signatures and letters of carriers.", no_args_is_help=True)

Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@app.command()
def show(
    sha256: Annotated[str, typer.Argument(metavar="SHA256", help="As a scan's `proofs` has it.")],
    out: Annotated[Path, typer.Option("--out", help="The file to write; it must not be there.", dir_okay=False)],
) -> None:
    """Write one proof to a file; exit code 1 when the store does not have it."""
    from services.ingest.proofs import desk

    raise typer.Exit(asyncio.run(desk.show(desk.settings(), sha256, out)))


@app.command()
def expire(
    *,
    older_than: Annotated[
        int | None, typer.Option(min=1, metavar="DAYS", help="Days; without it, as the settings say.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say which.")] = False,
    json: Json = False,
) -> None:
    """Delete the proofs that were last told longer ago; `ingest run` does it by itself, a part each hour."""
    from services.ingest.proofs import desk

    asyncio.run(desk.expire(desk.settings(), days=older_than, dry_run=dry_run, as_json=json))


@app.command()
def erase(
    shipment: Annotated[str, typer.Argument(metavar="SHIPMENT", help="Its key, `carrier:number`.")],
    *,
    yes: Annotated[bool, typer.Option("--yes", help="Do it; without this, only say which.")] = False,
    json: Json = False,
) -> None:
    """Delete the proofs of one shipment that no other shipment has."""
    from services.ingest.proofs import desk

    asyncio.run(desk.erase(desk.settings(), shipment, dry_run=not yes, as_json=json))
