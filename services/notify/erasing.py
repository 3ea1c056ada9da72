"""What notify forgets of an erased order (rule E9): what was still to be told, and every trace of an address.

Called by the handler in the batch's transaction, with the orders locked; the book is emptied with the order's own row.
The erased status stays there as the mark: after it nothing brings the people back.
"""

from collections.abc import Sequence
from typing import Final

from services.runtime.postgres import Connection

#: What is being sent ends with its sender, who finds no contact any more.
_SUPPRESS: Final = """
update notify.notification
set state = 'suppressed', reason = 'erased', changed_at = now(), outcome_no = nextval('notify.outcome_no')
where order_key = any($1::text[]) and state in ('pending', 'waiting')
returning channel, milestone
"""
#: Hashes of addresses and what was said of them are of people as well. Outcomes stay as they were published.
_FORGET_PEOPLE: Final = """
update notify.notification set recipient_hash = null, detail = null
where order_key = any($1::text[]) and (recipient_hash is not null or detail is not null)
"""


async def erase(connection: Connection, orders: Sequence[str]) -> list[tuple[str, str]]:
    """Suppress what was still to be told of the orders, forget to whom it was; give (channel, milestone) of each."""
    if not orders:
        return []
    suppressed = await connection.fetch(_SUPPRESS, orders)
    await connection.execute(_FORGET_PEOPLE, orders)
    return [(row["channel"], row["milestone"]) for row in suppressed]
