"""`trackfold dead-letters list | show | replay | discard`. Imports what it needs when a command runs."""

from enum import StrEnum
from typing import Annotated, Final

import typer

from services.runtime.rate_option import RECORDS, RecordRate

app = typer.Typer(no_args_is_help=True, help="Records that could not be applied: look at them, replay or discard them.")

Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Keys = Annotated[list[str] | None, typer.Argument(metavar="[KEY]...", help="Keys, as `list` prints them.")]
Key = Annotated[str, typer.Argument(metavar="KEY", help="A key, as `list` prints it.")]
ReasonIs = Annotated[str | None, typer.Option("--reason-is", metavar="REASON", help="Only those with this reason.")]
Topic = Annotated[str | None, typer.Option(help="Only records of this topic.")]
Service = Annotated[str | None, typer.Option(help="Only those that this service set aside.")]
Since = Annotated[str | None, typer.Option(help="Only those set aside since: 7d, 36h, a day, or an RFC 3339 time.")]
Why = Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why, in your words; kept with the letter.")]
Author = Annotated[str | None, typer.Option(help="Who decides; by default this machine's user.")]
Yes = Annotated[bool, typer.Option("--yes", help="Do it; without this, only say what would be done.")]
Again = Annotated[bool, typer.Option("--again", help="Also what was replayed or discarded before.")]
Limit = Annotated[int, typer.Option(min=1, max=100_000, help="So many records at once.")]
#: Marks a second: nothing but these commands reads them.
_MARKS: Final = 1000.0


class Shown(StrEnum):
    """Which letters a list shows."""

    OPEN = "open"
    REPLAYED = "replayed"
    DISCARDED = "discarded"
    ALL = "all"


@app.command("list")
def list_letters(
    *,
    reason: Annotated[str | None, typer.Option("--reason", "--reason-is", help="Only those with this reason.")] = None,
    topic: Topic = None,
    service: Service = None,
    since: Since = None,
    state: Annotated[Shown, typer.Option(help="What became of them.")] = Shown.OPEN,
    limit: Annotated[int | None, typer.Option(min=1, help="So many rows; the counts are of all.")] = None,
    as_json: Json = False,
) -> None:
    """Count dead letters by service, topic and reason, and list them; never what they hold."""
    from services.local.dead_letters import work
    from services.local.dead_letters.letters import State

    chosen = None if state is Shown.ALL else State(state.value)
    query = work.Query((), reason, topic, service, since)
    raise typer.Exit(work.run_list(query, state=chosen, limit=limit, as_json=as_json))


@app.command()
def show(
    key: Key,
    *,
    reveal: Annotated[bool, typer.Option("--reveal", help="Show what it holds; needs --reason, and is noted.")] = False,
    reason: Annotated[str | None, typer.Option(metavar="TEXT", help="Why it has to be seen.")] = None,
    author: Author = None,
    as_json: Json = False,
) -> None:
    """Show everything of one dead letter: why, where its record is, who did what with it.

    Exit code 1: there is none of that key.
    """
    from services.local.dead_letters import work

    raise typer.Exit(work.run_show(key, reveal=reveal, reason=reason, author=author, as_json=as_json))


@app.command()
def replay(  # noqa: PLR0913 - a command has its options
    keys: Keys = None,
    *,
    reason: Why,
    reason_is: ReasonIs = None,
    topic: Topic = None,
    service: Service = None,
    since: Since = None,
    author: Author = None,
    yes: Yes = False,
    again: Again = False,
    limit: Limit = 1000,
    rate: RecordRate = RECORDS,
    as_json: Json = False,
) -> None:
    """Write records to their topics once more, unaltered; without --yes only say which.

    Replayed twice, they are still applied once. Exit code 1: nothing of the kind, or one that cannot be replayed.
    """
    from schemas.dead_letters import Action
    from services.local.dead_letters import work

    how = work.How(reason, author, yes, again, limit, rate, as_json)
    query = work.Query(keys or (), reason_is, topic, service, since)
    raise typer.Exit(work.run_decide(Action.REPLAYED, query, how))


@app.command()
def discard(  # noqa: PLR0913 - as above
    keys: Keys = None,
    *,
    reason: Why,
    reason_is: ReasonIs = None,
    topic: Topic = None,
    service: Service = None,
    since: Since = None,
    author: Author = None,
    yes: Yes = False,
    limit: Limit = 1000,
    as_json: Json = False,
) -> None:
    """Note that these are not going to be applied; without --yes only say which. `replay --again` takes it back.

    Exit code 1: nothing of the kind.
    """
    from schemas.dead_letters import Action
    from services.local.dead_letters import work

    how = work.How(reason, author, yes, limit=limit, rate=_MARKS, as_json=as_json)
    query = work.Query(keys or (), reason_is, topic, service, since)
    raise typer.Exit(work.run_decide(Action.DISCARDED, query, how))
