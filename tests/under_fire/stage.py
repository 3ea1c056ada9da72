"""The stage: services as supervised processes under load, broken by a test, judged by the oracle.

    async with open_stage(kafka, prefix, processes, environment, tmp_path) as stage:
        await stage.start("status", once={"TRACKFOLD_FAILPOINTS": "consume.after_commit:kill"})
        await stage.start("ingest")
        await stage.start("notify")
        await stage.begin(seed=1, orders=12)        # the load runs beside you from here
        await stage.half()                          # half of it is acknowledged: now the fault
        stage.members[0].kill()                     # supervised: it is started again
        await stage.heal_and_judge()                # AssertionError with every finding of the oracle

- Only what is started takes part: a stage with status alone expects no mail, one without ingest gets no webhooks.
- `start(service, once=…, under=…, **overrides)`: `once` holds in the first life only, `under` (tests/faults) in all.
  Start several of a service by calling it again. Addresses through proxies: `KAFKA_BOOTSTRAP_SERVERS=…`,
  `DATABASE_URL=…` as overrides, for one or all (`open_stage(..., overrides={...})`); load, samples and oracle go
  straight to `kafka` and `database_url`.
- A member: `.pid`, `.kill()`, `await .terminate()` and `.restart()`, `.life.send(SIGSTOP)`, `.ends`, `.log()`,
  `.may_end_with.add(78)`, `.held = True` (not started again).
- `stage.begin(...)` takes what `make_plan` takes, and `per_second`, `load_bootstrap`, `limit_s`; it may be called again
  with another `mark`.
- `stage.smtp.mode` is that of the fake provider (`tests/contract/providers.py`).
- `stage.explained_gaps.add(("status", "carrier.scans.v1", 0))` for records that the test itself removes.
- `heal_and_judge(but_for={"I8"}, within_s=60)` returns the evidence; `recovery.seconds` in it is the time to recover.
  A test that looks at more between healing and that notes the moment: `since=clock.monotonic()`.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

import httpx2

from services.runtime import clock
from tests import oracle
from tests.contract import providers
from tests.contract.providers import SmtpSetup
from tests.oracle_evidence import Evidence, Expected, Mail, Recovery, Sent
from tests.stack.kafka import Kafka
from tests.stack.processes import Processes
from tests.under_fire import ledger, quiet
from tests.under_fire.ledger import Ledger
from tests.under_fire.load import Load, make_plan
from tests.under_fire.quiet import AWAY
from tests.under_fire.settings import FAST
from tests.under_fire.stories import CANARIES
from tests.under_fire.supervising import Member, Supervisor
from tests.under_fire.watching import Watch

RECOVERY_S: Final = 60.0
ASK_AGAIN_S: Final = 0.25
TOPICS_S: Final = 60.0


@dataclass
class Stage:
    """One prefix on a broker, one database, and whoever was started on it."""

    source: oracle.Source
    make_environment: Callable[..., dict[str, str]]
    overrides: Mapping[str, str]
    folder: Path
    supervisor: Supervisor
    smtp: SmtpSetup
    explained_gaps: set[tuple[str, str, int]] = field(default_factory=set)
    loads: list[Load] = field(default_factory=list)
    recovered_s: list[float] = field(default_factory=list)
    """After how many seconds all was quiet, of every time that was asked."""
    _running: list["asyncio.Task[None]"] = field(default_factory=list)
    _background: list["asyncio.Task[None]"] = field(default_factory=list)
    _watch: Watch | None = None

    @property
    def members(self) -> list[Member]:
        """Whoever was started, in that order."""
        return self.supervisor.members

    @property
    def services(self) -> frozenset[str]:
        """Which services take part."""
        return frozenset(member.service for member in self.members)

    def of(self, service: str) -> list[Member]:
        """Return the members of a service."""
        return [member for member in self.members if member.service == service]

    async def start(
        self,
        service: str,
        *,
        wait_ready: bool = True,
        once: Mapping[str, str] | None = None,
        under: Sequence[str] = (),
        **overrides: str,
    ) -> Member:
        """Start one more process of a service; it is started again whenever it ends with anything but 0 or 78."""
        smtp = {"TRACKFOLD_NOTIFY__SMTP_HOST": providers.HOST, "TRACKFOLD_NOTIFY__SMTP_PORT": str(self.smtp.port)}
        own = FAST | smtp | dict(self.overrides) | overrides
        member = self.supervisor.add(service, self.make_environment(**own), once or {}, under=under)
        await member.start(wait_ready=wait_ready)
        self._background.append(asyncio.create_task(self.supervisor.keep(member)))
        return member

    async def start_all(self, *, status: int = 1, ingest: int = 1, notify: int = 1) -> None:
        """Start so many of each service, all at once."""
        wanted = {"ingest": ingest, "status": status, "notify": notify}
        await asyncio.gather(*(self.start(name) for name, count in wanted.items() for _ in range(count)))

    async def begin(
        self,
        *,
        seed: int,
        orders: int = 12,
        per_second: float = 100,
        limit_s: float = 120,
        load_bootstrap: str = "",
        **plan: Any,
    ) -> Load:
        """Note the baseline and start to send beside the test; with ingest a third of the orders by webhook."""
        plan.setdefault("webhook_share", 1 / 3 if "ingest" in self.services else 0.0)
        await self.start_watch()
        doors = [member.http_url for member in self.of("ingest")]
        load = Load(
            make_plan(seed, orders=orders, **plan),
            load_bootstrap or self.source.bootstrap_servers,
            self.source.prefix,
            Ledger(self.ledger),
            ingest_urls=doors,
            per_second=per_second,
            limit_s=limit_s,
        )
        self.loads.append(load)
        self._running.append(asyncio.create_task(load.run()))
        return load

    @property
    def ledger(self) -> Path:
        """The file in which the load writes what it sends."""
        return self.folder / "ledger.jsonl"

    async def half(self, within_s: float = 60) -> None:
        """Wait until half of the newest load is acknowledged; raises what stopped it before that."""
        half, running = asyncio.create_task(self.loads[-1].half.wait()), self._running[-1]
        await asyncio.wait({half, running}, timeout=within_s, return_when=asyncio.FIRST_COMPLETED)
        half.cancel()
        if running.done():
            running.result()
        assert self.loads[-1].half.is_set(), f"half of the load was not acknowledged within {within_s:.0f} s"

    async def sent(self) -> None:
        """Wait until all loads are acknowledged; raises what stopped one."""
        await asyncio.gather(*self._running)

    async def heal_and_judge(
        self, *, but_for: Collection[str] = (), within_s: float = RECOVERY_S, since: float | None = None
    ) -> Evidence:
        """Wait until all is quiet again, gather the evidence and let the oracle judge; the fault is healed by now."""
        evidence = await self.heal(within_s=within_s, since=since)
        findings = oracle.judge(evidence, but_for=but_for)
        assert not findings, oracle.report(findings)
        return evidence

    async def heal(self, *, within_s: float = RECOVERY_S, since: float | None = None) -> Evidence:
        """Wait until all is quiet, and gather the evidence; `recovery` says how long it took, from then or now on."""
        began = clock.monotonic() if since is None else since
        await self.sent()
        recovery = await self._until_quiet(began, within_s)
        if recovery.seconds is not None:
            self.recovered_s.append(recovery.seconds)
        # Before the evidence is gathered: reading it all keeps the loop busy in which the proxies of a stage turn.
        now = tuple([await member.now() for member in self.members])
        watch = self._watched()
        try:
            evidence = await oracle.collect(self.source)
            await watch.note_held("end")
        except AWAY as error:
            raise AssertionError(f"nothing can be judged ({error!r}) after {recovery}") from error
        sent, expected = self.read_ledger()
        return replace(
            evidence,
            sent=sent,
            expected=expected,
            services=self.services,
            mails=self.mails(),
            unanswered=sum(self.smtp.handler.met[mode] for mode in providers.WITHOUT_ANSWER),
            offsets=(*watch.offsets, *evidence.offsets),
            explained_gaps=frozenset(self.explained_gaps),
            pages=tuple(watch.pages),
            processes=tuple(watch.processes),
            ends=tuple(end for member in self.members for end in member.ends),
            now=now,
            canaries=CANARIES,
            texts={**evidence.texts, **await self._texts()},
            recovery=recovery,
        )

    def read_ledger(self) -> tuple[tuple[Sent, ...], tuple[Expected, ...]]:
        """Return what was sent so far, and how it must end."""
        return ledger.read(self.ledger) if self.ledger.exists() else ((), ())

    def mails(self) -> tuple[Mail, ...]:
        """Return what the fake provider took."""
        handler = self.smtp.handler
        return tuple(
            Mail(str(mail["Message-ID"]), recipients[0], str(mail["Subject"]))
            for mail, recipients in zip(handler.taken, handler.recipients, strict=True)
        )

    async def _until_quiet(self, began: float, within_s: float) -> Recovery:
        """Wait until nothing is left to do and everybody is ready, twice: before and after the late snapshots."""
        later = "status" not in self.services
        while True:
            why = await self._unrest()
            took = clock.monotonic() - began
            if not why and later:
                return Recovery(took, within_s)
            if why and took > within_s:
                return Recovery(None, within_s, why)
            if not why:
                await quiet.ten_minutes_later(self.source)
                later = True
                continue
            await asyncio.sleep(ASK_AGAIN_S)

    async def _unrest(self) -> tuple[str, ...]:
        for task in self._background:
            if task.done():
                task.result()  # a supervisor or a sampler that failed is the stage's own fault
        now = [await member.now() for member in self.members]
        away = tuple(f"{one.process} is not ready" for one in now if not one.ready and not one.expected_gone)
        return away or await quiet.unrest(self.source, self.services)

    async def _texts(self) -> dict[str, str]:
        """Return every log, and every metrics page that answers."""
        texts = {f"log of {member.name}": member.log() for member in self.members}
        async with httpx2.AsyncClient(trust_env=False, timeout=5) as client:
            for member in self.members:
                with suppress(httpx2.HTTPError, AssertionError):
                    texts[f"metrics of {member.name}"] = (await client.get(f"{member.life.admin_url}/metrics")).text
        return texts

    def _watched(self) -> Watch:
        if self._watch is None:
            self._watch = Watch(self.source.database_url, self.source.prefix, self.members, self._orders)
        return self._watch

    async def start_watch(self) -> None:
        """Note the baseline and watch from now on; the first load does it by itself."""
        if self._watch is None:
            watch = self._watched()
            await watch.note_held("baseline")
            self._background.append(asyncio.create_task(watch.run()))

    def _orders(self) -> list[str]:
        return [one.order for load in self.loads for one in load.plan.expected]

    async def close(self) -> None:
        """End the load, the supervisor and the samples; the processes end with `Processes`."""
        for task in self._running:
            task.cancel()
        await asyncio.gather(*self._running, return_exceptions=True)
        for load in self.loads:
            load.ledger.close()
        for task in self._background:
            task.cancel()
        await asyncio.gather(*self._background, return_exceptions=True)


@asynccontextmanager
async def open_stage(
    kafka: Kafka,
    prefix: str,
    processes: Processes,
    environment: Callable[..., dict[str, str]],
    folder: Path,
    *,
    overrides: Mapping[str, str] | None = None,
    topics: bool = True,
) -> AsyncIterator[Stage]:
    """Give a stage with its topics made; `kafka` may be another cluster than the run's.

    `overrides` hold for every process, for the one that makes the topics too (partitions, replicas). `environment` says
    which database, and its URL is the one that the oracle reads.
    """
    overrides = dict(overrides or {})
    straight = {"KAFKA_BOOTSTRAP_SERVERS": kafka.bootstrap_servers}
    if topics:
        env = environment(**overrides | straight)
        applied = await processes.start("topics", env=env, arguments=("topics", "apply"), wait_ready=False)
        assert await applied.wait(TOPICS_S) == 0, applied.log()
    source = oracle.Source(kafka.bootstrap_servers, prefix, environment()["DATABASE_URL"])
    async with providers.smtp() as smtp:
        stage = Stage(source, environment, overrides, folder, Supervisor(processes), smtp)
        try:
            yield stage
        finally:
            await stage.close()
