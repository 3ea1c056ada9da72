"""How many webhooks a second the door takes, beside a naive FastAPI route (`make bench-webhooks`).

Both take the same signed EasyPost body, check its signature and answer when Apache Kafka has it on all in-sync replicas
(`acks=all`); each runs as one process of its own. Rounds of both alternate, and the figures are medians of the rounds:
requests a second as a client sees them, and CPU time a request, which does not depend on who else uses the machine.
"""

import argparse
import asyncio
import json
import statistics
import sys
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import asdict, dataclass
from typing import Final

from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from benchmarks import posting
from benchmarks.webhook_servers import body
from services.runtime import clock
from tests.stack import kafka

CONNECTIONS: Final = 32
_START_LIMIT_S: Final = 30.0
_TICKS: Final = 100.0  # of /proc/PID/stat, a second


@dataclass(frozen=True, slots=True)
class Throughput:
    """Medians of the rounds."""

    rounds: int
    ours_per_s: float
    naive_per_s: float
    times: float
    """How many times more requests a second: the median of the rounds' ratios."""
    ours_cpu_us: float
    naive_cpu_us: float
    cpu_times: float
    """How many times less CPU a request."""


@dataclass(slots=True)
class _Server:
    name: str
    process: asyncio.subprocess.Process
    port: int

    def cpu_s(self) -> float:
        """Return the CPU time the process has used."""
        with open(f"/proc/{self.process.pid}/stat", encoding="ascii") as stat:  # noqa: PTH123 - no file of ours
            fields = stat.read().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / _TICKS


async def measure(address: str, topic: str, *, rounds: int = 7, seconds: float = 2.0) -> Throughput:
    """Measure against a broker and a topic that are there; takes twice `rounds` times `seconds`, and a few more."""
    async with _running("ours", address, topic) as ours, _running("naive", address, topic) as naive:
        await asyncio.gather(*(_load(server, 0.5) for server in (ours, naive)))  # warm both
        found = [[await _round(server, seconds) for server in (ours, naive)] for _ in range(rounds)]
    return Throughput(
        rounds=rounds,
        ours_per_s=round(statistics.median(one[0][0] for one in found)),
        naive_per_s=round(statistics.median(one[1][0] for one in found)),
        times=round(statistics.median(one[0][0] / one[1][0] for one in found), 2),
        ours_cpu_us=round(statistics.median(one[0][1] for one in found)),
        naive_cpu_us=round(statistics.median(one[1][1] for one in found)),
        cpu_times=round(statistics.median(one[1][1] / one[0][1] for one in found), 2),
    )


async def _round(server: _Server, seconds: float) -> tuple[float, float]:
    """Return requests a second, and microseconds of CPU a request."""
    cpu, began = server.cpu_s(), time.perf_counter()
    answered = await _load(server, seconds)
    return answered / (time.perf_counter() - began), (server.cpu_s() - cpu) / answered * 1e6


async def _load(server: _Server, seconds: float) -> int:
    """Post on every connection, one request after the other; returns how many were answered 202."""
    whole = posting.request(server.port, body())
    ends_at = time.perf_counter() + seconds
    return sum(await asyncio.gather(*(_post(server.port, whole, ends_at) for _ in range(CONNECTIONS))))


async def _post(port: int, whole: bytes, ends_at: float) -> int:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    answered = 0
    try:
        while time.perf_counter() < ends_at:
            await posting.exchange(reader, writer, whole)
            answered += 1
    finally:
        writer.close()
    return answered


@asynccontextmanager
async def _running(name: str, address: str, topic: str) -> AsyncIterator[_Server]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "benchmarks.webhook_servers", name, address, topic, stdout=asyncio.subprocess.PIPE
    )
    try:
        async with asyncio.timeout(_START_LIMIT_S):
            line = b"" if process.stdout is None else await process.stdout.readline()
        if not line.strip().isdigit():
            raise AssertionError(f"the server {name!r} did not start")
        yield _Server(name, process, int(line))
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


def lines_of(found: Throughput) -> Sequence[str]:
    """Return what people read."""
    return (
        f"{found.rounds} rounds each, {CONNECTIONS} connections, acks=all; medians",
        f"  the door             {found.ours_per_s:7.0f} requests/s  {found.ours_cpu_us:5.0f} us of CPU each",
        f"  naive FastAPI route  {found.naive_per_s:7.0f} requests/s  {found.naive_cpu_us:5.0f} us of CPU each",
        f"  {found.times:.2f} times the requests, {found.cpu_times:.2f} times less CPU",
    )


def _say(text: str) -> None:
    sys.stderr.write(f"{text}\n")


@contextmanager
def _broker(wanted: str) -> Iterator[str]:
    """Give the address of a broker: the one that is named, or one of the test suite's that is started for the run."""
    if wanted not in kafka.KINDS:
        yield wanted
        return
    broker = kafka.make_broker(wanted, _say)
    try:
        yield broker.start().bootstrap_servers
    finally:
        broker.stop()


async def _measure(address: str, *, rounds: int, seconds: float) -> Throughput:
    admin = AIOKafkaAdminClient(bootstrap_servers=address)
    await admin.start()
    topic = f"benchmark{clock.now():%Y%m%d%H%M%S}.carrier.webhooks.v1"
    try:
        await admin.create_topics([NewTopic(topic, num_partitions=3, replication_factor=1)])
        try:
            return await measure(address, topic, rounds=rounds, seconds=seconds)
        finally:
            await admin.delete_topics([topic])
    finally:
        await admin.close()


def main() -> None:
    """Print what was measured."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kafka", default="apache", help="host:port, or one to start: apache, embedded, docker")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--seconds", type=float, default=2.0)
    parser.add_argument("--json", action="store_true")
    wanted = parser.parse_args()
    with _broker(wanted.kafka) as address:
        found = asyncio.run(_measure(address, rounds=wanted.rounds, seconds=wanted.seconds))
    text = json.dumps(asdict(found)) if wanted.json else "\n".join(lines_of(found))
    sys.stdout.write(text + "\n")


if __name__ == "__main__":
    main()
