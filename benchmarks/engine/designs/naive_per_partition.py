"""Naive, with a sequential subscriber for each input partition: what people do when the naive one is too slow.

The same handler as in `naive.py`; each partition has its own consumer and its own connection to Postgres. The locks on
parcels and orders keep the partitions from each other's toes.
"""

from dataclasses import replace
from typing import Final

from faststream.kafka import TopicPartition

from benchmarks.engine.designs import naive
from benchmarks.engine.designs.design import INPUTS, Config, Design, main
from benchmarks.engine.load import PARTITIONS

DESIGN: Final[Design] = replace(
    naive.DESIGN,
    name="naive_per_partition",
    settings=("FastStream, a subscriber a partition", "one transaction a message", "offset committed a message"),
)


async def run(config: Config) -> None:
    """Consume until cancelled."""
    wires = [config.topic(name) for name in INPUTS]
    await naive.serve(config, [[TopicPartition(wire, number)] for wire in wires for number in range(PARTITIONS)])


if __name__ == "__main__":
    main(prepare=naive.prepare, run=run)
