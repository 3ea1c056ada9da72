"""A group member as a process of its own, to be killed: `python -m tests.stack.member SERVERS GROUP TOPIC`.

Prints a line per record once it is committed. Nothing of Trackfold is in it: it probes brokers.
"""

import asyncio
import sys

from aiokafka import AIOKafkaConsumer

SESSION_MS = 6_000


def consumer(servers: str, group: str, topic: str) -> AIOKafkaConsumer:
    """Make a member with the timings that the takeover test counts on."""
    return AIOKafkaConsumer(
        topic,
        bootstrap_servers=servers,
        group_id=group,
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        session_timeout_ms=SESSION_MS,
        heartbeat_interval_ms=500,
        fetch_max_wait_ms=20,
        metadata_max_age_ms=2_000,
    )


async def _run(servers: str, group: str, topic: str) -> None:
    member = consumer(servers, group, topic)
    await member.start()
    async for record in member:
        await member.commit()
        sys.stdout.write(f"{record.partition}:{record.offset}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    asyncio.run(_run(*sys.argv[1:4]))
