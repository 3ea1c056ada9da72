"""One design once: its topics, its database, its load, its figures, and what the oracle says of it."""

from collections.abc import Sequence

from benchmarks.engine import filling
from benchmarks.engine.entries import Runnable
from benchmarks.engine.load import ORDER_EVENTS, SCANS, Sent
from benchmarks.engine.measuring import Measured, Watch
from benchmarks.engine.oracle import Expected, judge
from benchmarks.engine.reading_back import read_back
from benchmarks.engine.results import Round
from benchmarks.engine.stack import Stack, Workers


class WrongError(Exception):
    """The oracle is not clean; the text has what it found."""


async def play(runnable: Runnable, load: Sequence[Sent], expected: Expected, *, stack: Stack, prefix: str) -> Round:
    """Return a design's figures; raises WrongError if the oracle finds anything. Nothing of it stays."""
    design, database = runnable.design, prefix.rstrip(".").replace(".", "_")
    dsn = await stack.create_database(database)
    workers = Workers(runnable.module, design, stack, prefix=prefix, dsn=dsn)
    try:
        await filling.create(stack.bootstrap, prefix)
        await workers.prepare()
        async with (
            filling.Filler(stack.bootstrap, prefix) as filler,
            Watch(stack, design, workers, prefix=prefix, dsn=dsn) as watch,
        ):
            measured = await _measured(workers, load, filler=filler, watch=watch)
        await workers.stop()
        found = await read_back(design, bootstrap=stack.bootstrap, prefix=prefix, dsn=dsn)
        if wrong := judge(design, expected, found):
            raise WrongError("\n  ".join(wrong))
        return Round(measured, found.status.messages, len(load))
    finally:
        workers.kill()
        await filling.delete(stack.bootstrap, prefix)
        await stack.drop_database(database)


async def _measured(workers: Workers, load: Sequence[Sent], *, filler: filling.Filler, watch: Watch) -> Measured:
    """Tell a design of all orders first, and measure it with their scans: so all designs have the same to publish.

    Otherwise it would be a matter of which partition a client reads first how many scans are of a known order. A design
    that only stores gets all at once.
    """
    orders = [one for one in load if one.topic == ORDER_EVENTS]
    first = filler.build(orders)
    scans = filler.build(one for one in load if one.topic == SCANS)
    await filler.send(first if workers.design.publishes else first | scans)
    workers.start()
    if not workers.design.publishes:
        return await watch.measure(0, len(load))
    await watch.until_done(len(orders))
    with workers.held():
        await filler.send(scans)
    return await watch.measure(len(orders), len(load))
