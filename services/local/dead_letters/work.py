"""The work of `trackfold dead-letters`: find what was asked for, decide it after approval, say what was done.

Dry run unless `--yes`; a reason is always asked for. Who did what and why are records under the letter's own key.
"""

import asyncio
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from difflib import get_close_matches
from typing import Final

from schemas.base import clean_text
from schemas.dead_letters import Action
from schemas.topics import TOPICS
from services.ingest.printing import print_json, progress
from services.ingest.tools import UsageError, read_since
from services.local.dead_letters import printing
from services.local.dead_letters.deciding import Approval, Decider, Report, Step, look, steps
from services.local.dead_letters.letters import TOPIC, Letter, Letters, State, Wanted, read_place
from services.local.dead_letters.printing import Found
from services.local.dead_letters.reading import Original, open_originals, read_letters
from services.runtime import environment, failpoints
from services.runtime.authors import who
from services.runtime.errors import ExitCode
from services.runtime.kafka import open_producer
from services.runtime.rate import Rate
from services.runtime.settings import KafkaSettings, OperatorSettings

WRITERS: Final = tuple(name for name in TOPICS[TOPIC].written_by if name != "cli")
_VERBS: Final = {Action.REPLAYED: "written again", Action.DISCARDED: "discarded"}


class DeadLetterSettings(OperatorSettings):
    """What these commands need: Kafka, and the fail-points of tests."""

    failpoints: str = ""


@dataclass(frozen=True, slots=True)
class Query:
    """Which letters were asked for, as typed."""

    keys: Sequence[str] = ()
    reason: str | None = None
    topic: str | None = None
    service: str | None = None
    since: str | None = None

    def read(self) -> tuple[Wanted, datetime | None]:
        """Return what is wanted, and since when; raises UsageError for what can never be there."""
        for key in self.keys:
            if read_place(key) is None:
                hint = "as `trackfold dead-letters list` prints it: carrier.webhooks.v1/3/17"
                raise UsageError("bad_key", f"{key!r} is no key of a dead letter", hint=hint)
        _known("topic", self.topic, tuple(TOPICS))
        _known("service", self.service, WRITERS)
        keys = frozenset(str(read_place(key)) for key in self.keys)
        since = None if self.since is None else read_since(self.since)
        return Wanted(keys, self.reason, self.topic, self.service), since


@dataclass(frozen=True, slots=True)
class How:
    """How something is to be decided, as typed."""

    reason: str
    author: str | None
    yes: bool
    again: bool = False
    limit: int = 1000
    rate: float = 0.0
    """Records a second; 0: without a bound."""
    as_json: bool = False

    def approval(self) -> Approval:
        """Return who decides and why; raises UsageError when that is not said."""
        return approval(self.author, self.reason)


def run_list(query: Query, *, state: State | None, limit: int | None, as_json: bool) -> ExitCode:
    """Print how many letters of which kind there are, and the letters; never a value."""
    letters, chosen = asyncio.run(_find(_settings(), query, state))
    shown = limit or (None if as_json else printing.SHOWN)
    listed = printing.listing(letters, chosen, limit=shown)
    if as_json:
        print_json(listed)
    else:
        printing.show_listing(listed)
    _warn(letters)
    return ExitCode.OK


def run_show(key: str, *, reveal: bool, reason: str | None, author: str | None, as_json: bool) -> ExitCode:
    """Print all that is known of a key; what the record holds only with a reason, and never without a trace of it."""
    approved = approval(author, reason) if reveal else None
    found = asyncio.run(_look_up(_settings(), Query(keys=(key,)), approved))
    if not found:
        sys.stderr.write(f"no dead letter has the key {key}\n")
        return ExitCode.FAILED
    told = printing.story(found, reveal=reveal)
    if as_json:
        print_json(told)
    else:
        printing.show_story(told)
    return ExitCode.OK


def run_decide(action: Action, query: Query, how: How) -> ExitCode:
    """Replay or discard what was asked for, or say what that would be."""
    approved = how.approval()
    wanted, since = query.read()
    if wanted.anything and since is None:
        hint = "keys, or --reason-is, --topic, --service, --since"
        raise UsageError("nothing_asked", "say which dead letters", hint=hint)
    settings = _settings()
    letters, chosen = asyncio.run(_find(settings, query, None))
    _warn(letters)
    if missing := sorted(wanted.keys - {one.key for one in chosen}):
        sys.stderr.write("".join(f"no dead letter has the key {key}\n" for key in missing) + "nothing was done\n")
        return ExitCode.FAILED
    if not chosen:
        sys.stderr.write("no dead letters of this kind\n")
        return ExitCode.FAILED
    todo, before = steps(chosen, again=how.again)
    planned = asyncio.run(_decide(settings, action, todo[: how.limit], how, approved))
    told = planned | {
        "decided_before": printing.plan([], before, dry_run=True, left=0)["decided_before"],
        "left": len(todo[how.limit :]),
        "rate": how.rate,
        "author": approved.author,
        "note": approved.note,
    }
    _tell(told, action, as_json=how.as_json)
    return ExitCode.FAILED if told["refused"] else ExitCode.OK


def approval(author: str | None, reason: str | None) -> Approval:
    """Return who decides, by default the user of this machine, and why; raises UsageError when that is not said."""
    note = clean_text(reason or "")
    if not note:
        raise UsageError("no_reason", "why? it is kept with the dead letter", hint="give --reason 'in your words'")
    name = clean_text(who(author))
    if not name:
        raise UsageError("no_author", "who are you? it is kept with the dead letter", hint="give --author NAME")
    return Approval(name, note)


def _known(what: str, given: str | None, known: Sequence[str]) -> None:
    if given is None or given in known:
        return
    close = get_close_matches(given, known, n=1)
    hint = f"did you mean {close[0]}?" if close else f"known: {', '.join(known)}"
    raise UsageError(f"unknown_{what}", f"no {what} is called {given!r}", hint=hint)


def _settings() -> KafkaSettings:
    settings = environment.load(DeadLetterSettings)
    failpoints.arm(settings.failpoints)
    return settings.kafka


async def _find(kafka: KafkaSettings, query: Query, state: State | None) -> tuple[Letters, list[Letter]]:
    wanted, since = query.read()
    with progress("dead letters") as tell:
        letters = await read_letters(kafka, wanted, since=since, tell=tell)
    return letters, letters.chosen(state, set_aside_here=since is not None)


async def _look_up(kafka: KafkaSettings, query: Query, approved: Approval | None) -> list[Found]:
    """Return a key's letters with their records; that they are revealed is written down before anybody sees them."""
    letters, chosen = await _find(kafka, query, None)
    _warn(letters)
    async with open_originals(kafka) as originals:
        found = [Found(one, await originals.of(one), letters.replay_of(one)) for one in reversed(chosen)]
    had = [one.letter for one in found if isinstance(one.record, Original)]
    if approved is not None and had:
        async with open_producer(kafka, "dead-letters") as producer:
            await Decider(kafka, producer, approved, Rate(0, at_once=1)).reveal(had)
    return found


async def _decide(
    kafka: KafkaSettings, action: Action, todo: Sequence[Step], how: How, approved: Approval
) -> printing.Fields:
    if not how.yes or not todo:
        looked = await _looked_at(kafka, todo) if action is Action.REPLAYED else todo
        return printing.plan(looked, [], dry_run=not how.yes, left=0)
    report = Report()
    async with open_producer(kafka, "dead-letters") as producer, open_originals(kafka) as originals:
        rate = Rate(how.rate, at_once=1)
        decider = Decider(kafka, producer, approved, rate)
        try:
            with progress(f"records, {rate}") as tell:
                if action is Action.REPLAYED:
                    await decider.replay(todo, originals, report, tell)
                else:
                    await decider.discard(todo, report, tell)
        except BaseException:
            sys.stderr.write(f"{len(report.done)} of {len(todo)} were {_VERBS[action]}; call it again for the others\n")
            raise
    return printing.done(printing.plan([], [], dry_run=False, left=0), report)


async def _looked_at(kafka: KafkaSettings, todo: Sequence[Step]) -> list[Step]:
    async with open_originals(kafka) as originals:
        with progress("records") as tell:
            looked: list[Step] = []
            for one in todo:
                looked.append((await look(one, originals))[0])
                tell(len(looked), len(todo))
    return looked


def _tell(told: printing.Fields, action: Action, *, as_json: bool) -> None:
    if as_json:
        print_json(told)
    else:
        printing.show_plan(told, verb=_VERBS[action])
    if told["dry_run"] and told["todo"]:
        sys.stderr.write("nothing was done: --yes does it\n")


def _warn(letters: Letters) -> None:
    if letters.unreadable:
        sys.stderr.write(f"{letters.unreadable} records of {TOPIC} are no dead letters and were passed over\n")
