"""Options, hooks and fixtures of every test; what stands behind them is in tests/stack."""

import uuid
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest
from _pytest.terminal import TerminalReporter

from tests.pipeline import Pipeline
from tests.stack import databases, kafka, report, topics
from tests.stack.processes import Processes, service_environment
from tests.stack.run import RUN, Run

pytest_plugins = ["tests.faults.fixtures", "tests.under_fire.fixtures"]
HERE = Path(__file__).parent
SPEED = ("unit", "mutation", "contract", "fuzz", "interleaving", "integration", "e2e", "nemesis", "chaos")


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("trackfold", "what the tests stand on")
    group.addoption("--kafka", choices=kafka.KINDS, help="the broker; had as named or the run ends")
    group.addoption("--postgres", choices=databases.KINDS, help=f"the database; url reads {databases.VARIABLE}")
    group.addoption(
        "--recorded",
        action="append",
        default=[],
        type=Path,
        metavar="DIR",
        help="a folder of captured carrier payloads to run the carrier suite on (may be given more than once)",
    )


def pytest_configure(config: pytest.Config) -> None:
    missing = [str(folder) for folder in config.getoption("--recorded") if not folder.is_dir()]
    if missing:
        raise pytest.UsageError(f"--recorded: no such folder: {', '.join(missing)}")

    def say(text: str) -> None:
        reporter = config.pluginmanager.get_plugin("terminalreporter")
        if reporter is not None:
            reporter.write_line(text, flush=True)

    config.stash[RUN] = Run(
        wanted_kafka=config.getoption("--kafka"), wanted_postgres=config.getoption("--postgres"), say=say
    )


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    # Shuffled by now; fast ones first all the same, so that a plain mistake shows within seconds.
    items.sort(key=lambda item: SPEED.index(item.path.relative_to(HERE).parts[0]))
    run = config.stash[RUN]
    for item in items:
        missing = run.missing(item)
        if missing and run.kafka_kind == "apache":
            raise pytest.UsageError(f"{item.nodeid} needs {missing}, and Apache Kafka is the one that must have it all")
        if missing:
            reason = f"the broker of this run ({run.kafka_kind}) lacks {', '.join(missing)}"
            item.add_marker(pytest.mark.skip(reason=reason))


@pytest.hookimpl(wrapper=True)
def pytest_runtestloop(session: pytest.Session) -> Iterator[None]:
    # Outside every test: a fetch or a start is on no test's clock, and a part that fails ends the run with its reason.
    run = session.config.stash[RUN]
    try:
        if not session.config.option.collectonly:
            run.start(session.items)
        return (yield)
    finally:
        run.stop()


def pytest_terminal_summary(terminalreporter: TerminalReporter, config: pytest.Config) -> None:
    if not config.option.collectonly:
        report.write(terminalreporter, config.stash[RUN])


@pytest.fixture(scope="session")
def recorded_folders(pytestconfig: pytest.Config) -> list[Path]:
    """The folders given by --recorded."""
    return list(pytestconfig.getoption("--recorded"))


@pytest.fixture(scope="session", name="kafka")
def kafka_fixture(pytestconfig: pytest.Config) -> kafka.Kafka:
    """The broker of this run."""
    broker = pytestconfig.stash[RUN].kafka
    assert broker is not None
    return broker


@pytest.fixture(scope="session")
def postgres_server(pytestconfig: pytest.Config) -> databases.PostgresServer:
    """The database server of this run."""
    server = pytestconfig.stash[RUN].postgres
    assert server is not None
    return server


@pytest.fixture(scope="session")
def template(pytestconfig: pytest.Config) -> str:
    """The name of the migrated database that `database` copies."""
    return pytestconfig.stash[RUN].template


@pytest.fixture
async def database(postgres_server: databases.PostgresServer, template: str) -> AsyncIterator[str]:
    """The URL of a fresh migrated database of this test's own."""
    name = await postgres_server.create(template=template)
    await databases.note_compared(postgres_server.database_url(name))
    yield postgres_server.database_url(name)
    await postgres_server.drop(name)


@pytest.fixture
async def empty_database(postgres_server: databases.PostgresServer) -> AsyncIterator[str]:
    """The URL of a fresh database without any migration."""
    name = await postgres_server.create()
    yield postgres_server.database_url(name)
    await postgres_server.drop(name)


@pytest.fixture
async def prefix(kafka: kafka.Kafka) -> AsyncIterator[str]:
    """A topic and group prefix of this test's own; topics that start so are removed after it."""
    name = f"t{uuid.uuid4().hex[:12]}."
    yield name
    await topics.delete_prefix(kafka, name)


@pytest.fixture
def environment(kafka: kafka.Kafka, database: str, prefix: str) -> Callable[..., dict[str, str]]:
    """Make the environment of a service process: `environment(TRACKFOLD_LOG__LEVEL="debug")`."""

    def make(**overrides: str) -> dict[str, str]:
        broker = {"TRACKFOLD_KAFKA__TRUST_LOG_ENDS": str("end_offsets" in kafka.capabilities).lower()}
        made = service_environment(kafka=kafka.bootstrap_servers, database=database, prefix=prefix)
        return made | broker | overrides

    return make


@pytest.fixture
def processes(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Processes]:
    """Start services as real processes; the end of their logs is shown when the test fails."""
    started = Processes(tmp_path)
    yield started
    request.node.add_report_section("teardown", "logs of the services", started.logs())
    started.stop()


@pytest.fixture
async def pipeline(
    kafka: kafka.Kafka, prefix: str, processes: Processes, environment: Callable[..., dict[str, str]]
) -> Pipeline:
    """Topics are there, no service runs yet."""
    made = Pipeline(kafka, prefix, processes, environment)
    await made.apply_topics()
    return made
