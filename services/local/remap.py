"""What today's map would read differently in the webhooks that are kept, and what orders would then show.

The raw bodies of `carrier.webhooks.v1` are read again by the provider's file. A scan that the ledger knows, and that no
reading in it has in these words, becomes a *remap*: a reading that outranks the others (rule E5). Nothing is written
here; `remap_command.py` publishes after approval. Called by that command.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from schemas.scans import Scan
from schemas.vocabulary import ScanKind
from services.ingest.handler import TOPIC as WEBHOOKS
from services.ingest.normalise import normalise
from services.runtime.kafka import Record
from services.runtime.postgres import Connection
from services.runtime.settings import KafkaSettings
from services.runtime.topic_reading import Tell, read_topic
from services.status import repository
from services.status.changes import moves
from services.status.claiming import wanted_claims
from services.status.order import fold_order
from services.status.parcel_fold import History
from services.status.readings import content_hash, merge

#: Shipments, or orders, that are looked at together.
BATCH: Final = 200
MAX_SEEN: Final = 1_000_000
#: What a map decides.
MAPPED: Final = ("stage", "leg", "substatus", "conditions_set", "conditions_cleared")

Words = tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Remapped:
    """One scan that today's map reads differently."""

    before: Scan
    after: Scan
    """Of kind `remap`, as it would be published."""
    again: bool = False
    """A mended map says again what an approved remap had replaced."""


@dataclass(frozen=True, slots=True)
class Shown:
    """One order that would show something else."""

    order: str
    before: dict[str, Any]
    after: dict[str, Any]

    @property
    def parcels(self) -> list[dict[str, Any]]:
        """The parcels whose stage would change."""
        return moves(self.after, self.before)

    @property
    def fields(self) -> list[str]:
        """The parts of the document that would change."""
        return sorted(name for name in self.after if self.after[name] != self.before.get(name))


@dataclass(slots=True)
class Remap:
    """What reading again comes to."""

    provider: str
    webhooks: int = 0
    scans: int = 0
    """Scans read again, each once."""
    remapped: list[Remapped] = field(default_factory=list)
    unknown: int = 0
    """Scans that the ledger does not know: never read before, or under another identity. A remap moves nothing there;
    a body among the dead letters is replayed instead."""
    orders: list[Shown] = field(default_factory=list)
    unclaimed: int = 0
    """Remapped scans of parcels that no order claims."""
    _seen: set[tuple[str, str, Words]] = field(default_factory=set)
    standing: set[tuple[str, str]] = field(default_factory=set)
    """Key and event key of scans that today's map reads, in one body at least, as the ledger shows them."""

    def fresh(self, records: Iterable[Record], *, allow_test: bool) -> dict[str, list[Scan]]:
        """Return the scans of a batch of raw webhooks by shipment, without those that were read in the same words."""
        found: dict[str, list[Scan]] = {}
        for record in records:
            result = normalise(record, allow_test=allow_test)
            if result.provider != self.provider:
                continue
            self.webhooks += 1
            for scan in result.reading.scans:
                slot = scan.key, scan.event_key, words_of(scan)
                if scan.kind in (ScanKind.SCAN, ScanKind.SUMMARY) and slot not in self._seen:
                    if len(self._seen) >= MAX_SEEN:
                        self._seen.clear()  # it only saves work
                    self._seen.add(slot)
                    found.setdefault(scan.key, []).append(scan)
        return found

    def stands(self, one: Remapped) -> bool:
        """Tell whether a remap still holds, because another body of today says the same of its scan."""
        return one.again and (one.after.key, one.after.event_key) in self.standing


def words_of(scan: Scan) -> Words:
    """Return what the map made of a scan."""
    return tuple(getattr(scan, name) for name in MAPPED)


def compare(remap: Remap, scans: Sequence[Scan], history: History) -> list[Remapped]:
    """Return the scans of one shipment that today's map reads differently from every reading in its ledger.

    Or differently from an approved remap by an older map: without that, a remap could never be taken back.
    """
    held: dict[str, list[Scan]] = {}
    for (event_key, _), reading in history.readings.items():
        held.setdefault(event_key, []).append(reading)
    found: dict[str, Remapped] = {}
    for scan in scans:
        remap.scans += 1
        readings = held.get(scan.event_key)
        if readings is None:
            remap.unknown += 1
            continue
        shown, new = merge(readings), words_of(scan) not in map(words_of, readings)
        if words_of(scan) == words_of(shown):
            remap.standing.add((scan.key, scan.event_key))
        elif scan.event_key not in found and (new or scan.map_version > _approved(readings)):
            after = scan.model_copy(update={"kind": ScanKind.REMAP.value})
            found[scan.event_key] = Remapped(shown, after, again=not new)
    return list(found.values())


def _approved(readings: Iterable[Scan]) -> float:
    """Return the newest map of the approved remaps; without any, older readings of other bodies are no difference."""
    return max((one.map_version for one in readings if one.kind == ScanKind.REMAP), default=float("inf"))


async def find(
    kafka: KafkaSettings, connection: Connection, *, provider: str, since: datetime, allow_test: bool, tell: Tell
) -> Remap:
    """Return what would differ; raises Transient when Kafka does not answer."""
    remap = Remap(provider)
    histories: dict[str, list[Remapped]] = {}
    async for batch in read_topic(kafka, WEBHOOKS, since=since, name="remap", tell=tell):
        scans = remap.fresh(batch, allow_test=allow_test)
        for keys in _batches(sorted(scans)):
            for key, history in (await repository.histories(connection, keys)).items():
                if differs := compare(remap, scans[key], history):
                    histories.setdefault(key, []).extend(differs)
    for key, differs in histories.items():
        once = {one.after.event_key: one for one in reversed(differs) if not remap.stands(one)}
        histories[key] = sorted(once.values(), key=lambda one: (one.after.occurred_at, one.after.event_key))
    remap.remapped = [one for key in sorted(histories) for one in histories[key]]
    await _see_orders(connection, remap, histories)
    return remap


async def _see_orders(connection: Connection, remap: Remap, differs: dict[str, list[Remapped]]) -> None:
    """Fold every order that claims a remapped shipment as it is and as it would be."""
    claimants: set[str] = set()
    for keys in _batches(sorted(differs)):
        for key, history in (await repository.histories(connection, keys)).items():
            claimants |= {order for order, _ in history.claims}
            remap.unclaimed += 0 if history.claims else len(differs[key])
    for orders in _batches(sorted(claimants)):
        events = await repository.events(connection, orders)
        keys_of = {one: {key for key, _ in wanted_claims(one, events[one].values())} for one in orders}
        histories = await repository.histories(connection, sorted(set().union(*keys_of.values())))
        for order in orders:
            own = {key: histories[key] for key in keys_of[order]}
            before = fold_order(order, events[order].values(), own)
            after = fold_order(order, events[order].values(), {key: _with(differs, key, own[key]) for key in own})
            if after != before:
                remap.orders.append(Shown(order, before, after))


def _with(differs: dict[str, list[Remapped]], key: str, history: History) -> History:
    added = {(one.after.event_key, content_hash(one.after)): one.after for one in differs.get(key, ())}
    return History(readings={**history.readings, **added}, claims=history.claims)


def _batches(keys: Sequence[str]) -> Iterable[list[str]]:
    return (list(keys[at : at + BATCH]) for at in range(0, len(keys), BATCH))
