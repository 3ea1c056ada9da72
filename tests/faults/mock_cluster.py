"""librdkafka's mock cluster, from the confluent-kafka wheel: Kafka error codes on demand, in any order, no JVM.

    with mock_cluster(brokers=3) as mock:                       # fixture `mock_kafka` gives one with three brokers
        mock.create_topic("t", partitions=1)
        mock.push_errors(PRODUCE, NOT_LEADER, NOT_ENOUGH_REPLICAS)   # the next two Produce requests
        mock.push_errors(HEARTBEAT, STORAGE_ERROR)              # numbers of the protocol; 0 in between lets one pass
        mock.push_slow(PRODUCE, error=0, rtt_ms=5_000, broker=1)
        mock.set_rtt(300)                                       # all brokers, or broker=1
        mock.set_down(1); mock.set_up(1)
        mock.set_leader("t", 0, broker=2); mock.set_coordinator("group", broker=3)
        mock.requests()                                         # API keys of what was asked since track()

What it cannot do with aiokafka: groups of two members, checks of sequences, transactions, create topics, change or tell
their settings (`topics apply`). A single member works, until an error makes it join again under another name (22, 25):
then the mock counts two members and refuses both until the old one's session ends. Its data are gone with it.
"""

import ctypes
import importlib.util
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

PRODUCE, FETCH, LIST_OFFSETS, METADATA, OFFSET_COMMIT, OFFSET_FETCH, FIND_COORDINATOR = 0, 1, 2, 3, 8, 9, 10
JOIN_GROUP, HEARTBEAT, LEAVE_GROUP, SYNC_GROUP = 11, 12, 13, 14
OFFSET_OUT_OF_RANGE, CORRUPT_MESSAGE, NOT_LEADER, REQUEST_TIMED_OUT, MESSAGE_TOO_LARGE = 1, 2, 6, 7, 10
COORDINATOR_LOADING, COORDINATOR_NOT_AVAILABLE, NOT_COORDINATOR, NOT_ENOUGH_REPLICAS = 14, 15, 16, 19
NOT_ENOUGH_REPLICAS_AFTER_APPEND, ILLEGAL_GENERATION, UNKNOWN_MEMBER, REBALANCE_IN_PROGRESS = 20, 22, 25, 27
TOPIC_AUTHORIZATION_FAILED, GROUP_AUTHORIZATION_FAILED, STORAGE_ERROR, FENCED_INSTANCE = 29, 30, 56, 82
_ALL_BROKERS: Final = -1
_PRODUCER: Final = 0


def why_not() -> str | None:
    """Say why there is no mock cluster here, or None."""
    return None if _library() is not None else "confluent-kafka's wheel with its own librdkafka is not installed"


class MockError(RuntimeError):
    """librdkafka refused to do that."""


class MockCluster:
    """See the top of the file; brokers are numbered from 1."""

    def __init__(self, *, brokers: int = 3) -> None:
        path = _library()
        if path is None:
            raise MockError(str(why_not()))
        self._rd = _load(path)
        reason = ctypes.create_string_buffer(256)
        self._handle = self._rd.rd_kafka_new(_PRODUCER, self._rd.rd_kafka_conf_new(), reason, len(reason))
        if not self._handle:
            raise MockError(reason.value.decode())
        self._mock = self._rd.rd_kafka_mock_cluster_new(self._handle, brokers)
        self.bootstrap_servers: str = self._rd.rd_kafka_mock_cluster_bootstraps(self._mock).decode()

    def stop(self) -> None:
        """End the brokers, which are threads of this process."""
        self._rd.rd_kafka_mock_cluster_destroy(self._mock)
        self._rd.rd_kafka_destroy(self._handle)

    def create_topic(self, name: str, *, partitions: int = 1, replicas: int = 1) -> None:
        """Make a topic; one that a client asks for is made by itself, with four partitions."""
        self._done(self._rd.rd_kafka_mock_topic_create(self._mock, name.encode(), partitions, replicas))

    def push_errors(self, api: int, *codes: int) -> None:
        """Answer the next requests of a kind with these codes, one each; 0 is none."""
        array = (ctypes.c_int * len(codes))(*codes)
        self._rd.rd_kafka_mock_push_request_errors_array(self._mock, ctypes.c_int16(api), len(codes), array)

    def clear_errors(self, api: int) -> None:
        """Forget what is still queued for a kind."""
        self._rd.rd_kafka_mock_clear_request_errors(self._mock, ctypes.c_int16(api))

    def push_slow(self, api: int, *, rtt_ms: int, broker: int, error: int = 0) -> None:
        """Answer the next request of a kind on one broker late, with this code."""
        pair = (ctypes.c_int(error), ctypes.c_int(rtt_ms))
        push = self._rd.rd_kafka_mock_broker_push_request_error_rtts
        self._done(push(self._mock, ctypes.c_int32(broker), ctypes.c_int16(api), ctypes.c_size_t(1), *pair))

    def set_rtt(self, milliseconds: int, *, broker: int = _ALL_BROKERS) -> None:
        """Make every answer take that long."""
        self._done(self._rd.rd_kafka_mock_broker_set_rtt(self._mock, broker, milliseconds))

    def set_down(self, broker: int) -> None:
        """Close a broker's connections and its port."""
        self._done(self._rd.rd_kafka_mock_broker_set_down(self._mock, broker))

    def set_up(self, broker: int) -> None:
        """Open them again."""
        self._done(self._rd.rd_kafka_mock_broker_set_up(self._mock, broker))

    def set_leader(self, topic: str, partition: int, *, broker: int) -> None:
        """Move the leader of a partition."""
        self._done(self._rd.rd_kafka_mock_partition_set_leader(self._mock, topic.encode(), partition, broker))

    def set_coordinator(self, group: str, *, broker: int) -> None:
        """Move the coordinator of a group."""
        self._done(self._rd.rd_kafka_mock_coordinator_set(self._mock, b"group", group.encode(), broker))

    def track(self) -> None:
        """Remember what is asked from now on."""
        self._rd.rd_kafka_mock_start_request_tracking(self._mock)

    def requests(self) -> list[int]:
        """Give the API keys of what was asked since `track()`, in order."""
        count = ctypes.c_size_t()
        found = self._rd.rd_kafka_mock_get_requests(self._mock, ctypes.byref(count))
        keys = [int(self._rd.rd_kafka_mock_request_api_key(found[number])) for number in range(count.value)]
        self._rd.rd_kafka_mock_request_destroy_array(found, count)
        return keys

    def _done(self, error: int) -> None:
        if error:
            raise MockError(f"librdkafka's error {error}")


@contextmanager
def mock_cluster(*, brokers: int = 3) -> Iterator[MockCluster]:
    """Run a mock cluster within the block."""
    made = MockCluster(brokers=brokers)
    try:
        yield made
    finally:
        made.stop()


def _library() -> Path | None:
    spec = importlib.util.find_spec("confluent_kafka")
    if spec is None or spec.origin is None:
        return None
    folder = Path(spec.origin).parent.parent / "confluent_kafka.libs"
    return next(iter(sorted(folder.glob("librdkafka*.so*"))), None)


def _load(path: Path) -> Any:
    import confluent_kafka  # noqa: F401, PLC0415 -- its loader brings in what librdkafka itself needs

    library: Any = ctypes.CDLL(str(path))
    pointer, text, int32 = ctypes.c_void_p, ctypes.c_char_p, ctypes.c_int32
    signatures: dict[str, tuple[Any, list[Any]]] = {
        "rd_kafka_conf_new": (pointer, []),
        "rd_kafka_new": (pointer, [ctypes.c_int, pointer, text, ctypes.c_size_t]),
        "rd_kafka_destroy": (None, [pointer]),
        "rd_kafka_mock_cluster_new": (pointer, [pointer, ctypes.c_int]),
        "rd_kafka_mock_cluster_destroy": (None, [pointer]),
        "rd_kafka_mock_cluster_bootstraps": (text, [pointer]),
        "rd_kafka_mock_topic_create": (ctypes.c_int, [pointer, text, ctypes.c_int, ctypes.c_int]),
        "rd_kafka_mock_push_request_errors_array": (None, [pointer, ctypes.c_int16, ctypes.c_size_t, pointer]),
        "rd_kafka_mock_clear_request_errors": (None, [pointer, ctypes.c_int16]),
        "rd_kafka_mock_broker_push_request_error_rtts": (
            ctypes.c_int, [pointer, int32, ctypes.c_int16, ctypes.c_size_t],
        ),
        "rd_kafka_mock_broker_set_rtt": (ctypes.c_int, [pointer, int32, ctypes.c_int]),
        "rd_kafka_mock_broker_set_down": (ctypes.c_int, [pointer, int32]),
        "rd_kafka_mock_broker_set_up": (ctypes.c_int, [pointer, int32]),
        "rd_kafka_mock_partition_set_leader": (ctypes.c_int, [pointer, text, int32, int32]),
        "rd_kafka_mock_coordinator_set": (ctypes.c_int, [pointer, text, text, int32]),
        "rd_kafka_mock_start_request_tracking": (None, [pointer]),
        "rd_kafka_mock_get_requests": (ctypes.POINTER(pointer), [pointer, ctypes.POINTER(ctypes.c_size_t)]),
        "rd_kafka_mock_request_api_key": (ctypes.c_int16, [pointer]),
        "rd_kafka_mock_request_destroy_array": (None, [ctypes.POINTER(pointer), ctypes.c_size_t]),
    }  # fmt: skip
    for name, (result, arguments) in signatures.items():
        function = getattr(library, name)
        function.restype, function.argtypes = result, arguments
    return library
