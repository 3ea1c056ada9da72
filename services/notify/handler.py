"""One batch in one transaction: lock its orders, fold contacts, take status messages, write down what is to be told.

Sends nothing. Every applied version is planned in turn, so batching changes nothing; that a row exists is what tells
the difference between what was reached and what was told.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final

import structlog

from schemas.order_status import ORDER_STATUS, OrderStatus
from schemas.vocabulary import OrderState
from services.notify import contacts, erasing, inputs, policy, repository
from services.notify.contacts import BOOK, Book
from services.notify.inputs import News, Told
from services.notify.policy import Identity, Reason
from services.notify.rows import Letter, NewRow, OrderRow
from services.notify.settings import NotifySection
from services.runtime import delivery, incarnation, metrics
from services.runtime.consume import Batch
from services.runtime.errors import Poison
from services.runtime.kafka import Record
from services.runtime.postgres import Connection

log = structlog.stdlib.get_logger("trackfold.notify")


#: What a message is counted by: channel, milestone, outcome, reason.
_Outcome = tuple[str, str, str, str]
_OUTCOMES: Final = {"pending": "planned"}


@dataclass(slots=True)
class _Order:
    """An order while a batch is applied to it."""

    row: OrderRow
    book: Book
    status: OrderStatus | None
    version: int
    jumps: int = 0
    rows: dict[Identity, NewRow] = field(default_factory=dict)

    @classmethod
    def of(cls, row: OrderRow) -> "_Order":
        status = None if row.status is None else ORDER_STATUS.validate_json(row.status)
        return cls(row, BOOK.validate_json(row.book), status, row.version)

    def is_erased(self) -> bool:
        """Tell whether its data were erased: its people are forgotten, and nobody is told anything."""
        return self.status is not None and self.status.state == OrderState.ERASED


class Handler:
    """Applies batches; the messages that follow are the sender's."""

    def __init__(self, settings: NotifySection) -> None:
        """Take the channels in use and the settle time."""
        self._channels = settings.channels
        self._settle_s = settings.settle_s

    async def apply(self, batch: Batch) -> None:
        """Do the work of one batch inside its transaction; waits while a restored database is not compared."""
        await incarnation.hold(batch.connection, repository.SCHEMA)
        read, refused = _read(batch.records)
        if refused:
            await repository.quarantine(batch.connection, [letter for letter, _ in refused])
            batch.committed.append(lambda: _count_refused(refused))
        if not read:
            return
        names = {one.key: (one.shop, one.order) for one in read}
        rows = await repository.lock_orders(batch.connection, names)
        orders = {key: _Order.of(row) for key, row in rows.items()}
        for one in read:
            self._take(orders[one.key], one)
        outcomes = await self._save(batch.connection, [orders[key] for key in sorted(orders)])
        batch.committed.append(lambda: _count(orders.values(), outcomes))

    async def set_aside(self, connection: Connection, record: Record, reason: str) -> None:
        """Put a record that Postgres refuses into the dead letters."""
        await repository.quarantine(connection, [inputs.letter(record, reason)])
        metrics.DEAD_LETTERS.labels("notify", reason).inc()

    def _take(self, order: _Order, one: Told | News) -> None:
        if order.is_erased():
            return  # whatever comes or is told again: its status is the mark that stays (rule E9)
        if isinstance(one, Told):
            order.book = contacts.fold(order.book, one.event, one.stamp)
        elif not self._newer(order, one.status):
            return
        if order.is_erased():
            order.book = contacts.EMPTY
        if order.status is None:
            return
        for planned in policy.plan(order.row.order_key, order.status, order.book, channels=self._channels):
            row = NewRow(planned.identity, order.version, planned.reached_at, planned.withheld)
            order.rows.setdefault(planned.identity, row)

    def _newer(self, order: _Order, status: OrderStatus) -> bool:
        version = status.change.version
        if version <= order.version:
            return False
        if order.version and version > order.version + 1:
            order.jumps += 1
            log.warning("status versions are missing", order=order.row.order_key, had=order.version, got=version)
        order.status, order.version = status, version
        return True

    async def _save(self, connection: Connection, orders: Sequence[_Order]) -> list[_Outcome]:
        """Write it all down; return what came of messages by it."""
        changed = [new for order in orders if (new := _changed(order)) is not None]
        await repository.save_orders(connection, changed)
        rows = [row for order in orders for row in order.rows.values()]
        planned = await repository.plan(connection, rows, settle_s=self._settle_s)
        erased = [one.row.order_key for one in orders if one.is_erased() and one.version != one.row.version]
        suppressed = await erasing.erase(connection, erased)
        if changed:
            await repository.wake(connection, [row.order_key for row in changed])
        return [
            *((channel, name, _OUTCOMES.get(state, state), reason) for channel, name, state, reason in planned),
            *((channel, name, "suppressed", Reason.ERASED) for channel, name in suppressed),
        ]


def _changed(order: _Order) -> OrderRow | None:
    row = order.row
    book = BOOK.dump_json(order.book, exclude_none=True).decode()
    if book == row.book and order.version == row.version:
        return None
    status = row.status
    if order.version != row.version and order.status is not None:
        status = ORDER_STATUS.dump_json(order.status).decode()
    return OrderRow(row.order_key, row.shop, row.order, book, order.version, status, row.revision)


def _read(records: Sequence[Record]) -> tuple[list[Told | News], list[tuple[Letter, str]]]:
    read: list[Told | News] = []
    refused: list[tuple[Letter, str]] = []
    for record in records:
        try:
            one = inputs.read(record)
        except Poison as exc:
            log.warning("dead letter", place=record.place, reason=exc.reason, why=delivery.describe(exc))
            refused.append((inputs.letter(record, exc.reason, delivery.describe(exc)), exc.reason))
            continue
        if one is not None:
            read.append(one)
    return read, refused


def _count(orders: Iterable[_Order], outcomes: Iterable[_Outcome]) -> None:
    metrics.NOTIFY_VERSION_JUMPS.inc(sum(one.jumps for one in orders))
    for outcome in outcomes:
        metrics.NOTIFICATIONS.labels(*outcome).inc()


def _count_refused(refused: Iterable[tuple[Letter, str]]) -> None:
    for _, reason in refused:
        metrics.DEAD_LETTERS.labels("notify", reason).inc()
