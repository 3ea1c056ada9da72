"""Nothing goes for its age while a database that lost its last commits finds out what it had known (rule E7).

What looks finished or unclaimed in it may have gone on in the future that is lost: the events of a purged order, or the
scans of an expired parcel, lie below what is read again, and would never come back.
"""

from services.runtime import incarnation
from services.runtime.errors import Transient
from services.runtime.postgres import Connection
from services.status import restoring_rows
from services.status.consumer import SCHEMA


async def hold(connection: Connection) -> None:
    """Let a transaction delete; raises Transient before the database is compared and has read its inputs again."""
    await incarnation.hold(connection, SCHEMA)
    # Behind it: whoever compares writes down first what is to be read.
    if (await restoring_rows.anything(connection)).goals:
        raise Transient(
            "inputs_read_again", "the inputs are not read again yet as far as the lost future had read them"
        )
