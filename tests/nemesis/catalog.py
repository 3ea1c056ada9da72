"""Every fault that Trackfold must survive, by name: what is done, and what must hold (the oracle's invariants).

`tests/nemesis` has a test for each, marked `@pytest.mark.fault("name")`, or `tests/not_run.txt` has its name and why no
machine of ours can run it. Nothing else is allowed, and a skipped test counts as failed.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

NOT_RUN: Final = Path(__file__).parents[1] / "not_run.txt"


@dataclass(frozen=True)
class Fault:
    """One way in which the world breaks."""

    name: str
    done: str
    """What is done."""
    holds: str
    """What the test says of it beside "everything that was accepted counts once"."""


FAULTS: Final = (
    Fault("killed_before_commit", "status killed in a batch, before Postgres commits", "I1 I2 I5 I6"),
    Fault("killed_after_commit", "status killed after Postgres committed, before Kafka", "I2 I5: nothing twice"),
    Fault("relay_killed_after_send", "the relay killed after the send, before its rows go", "I3: repeats identical"),
    Fault("notify_killed_after_acceptance", "notify killed after the provider took the message", "I4: one message"),
    Fault("notify_killed_before_call", "notify killed before the request left", "I4: told once"),
    Fault("ingest_killed_before_answer", "ingest killed after the send, before the answer", "I2: the sender repeats"),
    Fault("random_kills", "all services killed at random under load", "all"),
    Fault("rolling_restart", "SIGTERM to one process after the other under load", "I1 to I6; ends in time"),
    Fault("frozen_status", "status stopped with SIGSTOP, a second one works, then SIGCONT", "I2: no zombie writes"),
    Fault("frozen_notify", "notify stopped beyond its lease, then SIGCONT", "I4"),
    Fault("blocked_loop", "the event loop blocked for 40 s", "I2 I6: rejoins, or leaves with 70"),
    Fault("rebalance_storm", "a member comes and goes every 3 s", "I2 I5 I6"),
    Fault("partitions_grown", "input partitions grown from 4 to 8 under load", "I2"),
    Fault("broker_down", "the broker killed for 60 s", "503 in 5 s, I1 I6 I7, memory flat"),
    Fault("broker_down_at_start", "the broker away while every service starts", "readyz 503, no zombie (I12)"),
    Fault("heartbeat_error", "one unexpected error to a heartbeat", "exit 70 in 60 s, I6"),
    Fault("commit_errors", "every error of an offset commit: 22, 25, 27, 16, 14", "I2 I6"),
    Fault("fetch_errors", "corrupt batches and offsets out of range", "I2 I5"),
    Fault("produce_errors", "not leader, too few replicas, too large, timeout, not allowed", "503 or set aside"),
    Fault("answer_lost", "a produce request done and its answer lost", "I2 I7"),
    Fault("leader_moves", "coordinator and leaders move", "I6"),
    Fault("cut_one_way", "what Kafka says does not arrive, what it hears does", "I7 I1"),
    Fault("lossy_network", "connections that stall and break again and again, at 200 kbit/s", "I6; no storm"),
    Fault("slow_network", "300 ms and jitter to Kafka and Postgres", "no rebalance, I6"),
    Fault("postgres_restarted", "Postgres restarted at once under load", "I2 I3 I6"),
    Fault("postgres_down", "Postgres away for 2 minutes", "ingest goes on with 202, I6"),
    Fault("backends_terminated", "a random backend terminated every 200 ms", "I2 I8"),
    Fault("backend_frozen", "one backend stopped with SIGSTOP", "others go on, I6"),
    Fault("commit_cut", "the connection cut during COMMIT", "I2: an unknown outcome is found out"),
    Fault("no_connections_left", "all of Postgres' connections taken", "no crash loop, I6"),
    Fault("disk_full", "no space left for Postgres", "waits; good events are not set aside; I6"),
    Fault("primary_read_only", "the primary becomes read-only", "25006 is waited for, I6"),
    Fault("row_locked", "a hot shipment's row locked for 30 s", "others proceed, I6"),
    Fault("deadlocks", "deadlocks provoked from outside", "I2"),
    Fault("migration_under_load", "a column added under load", "I2: no batch lost"),
    Fault("database_restored", "the database back at an older state than the log", "I2; corrections marked restored"),
    Fault("group_offsets_deleted", "Kafka forgets the group's offsets", "I2: the database filters"),
    Fault("retention_passed", "Kafka dropped records before they were read", "alarm, no silence"),
    Fault("whole_topic_again", "the whole topic produced and read again", "nothing changes, nobody is told"),
    Fault("provider_trouble", "500, 429, slow, reset after the body, garbage with 200", "I4"),
    Fault("smtp_dies_after_dot", "the mail server dies after the final dot", "I4: at most once"),
    Fault("clock_shifted", "a service's clock one hour ahead, one behind", "leases by the database's clock, I4"),
    Fault("no_file_descriptors", "file descriptors exhausted", "survives or leaves; I8"),
    Fault("memory_cap", "memory capped under a tenfold burst", "I1 I2"),
    Fault("little_cpu", "a tenth of a core", "no flapping, I6"),
    Fault("log_blocked", "nobody reads standard output", "goes on"),
    Fault("hot_shipment", "10,000 events of one parcel in any order", "I2; others are not starved"),
    Fault("poison", "a bad record at a random place in each 100", "I10"),
    Fault("backlog", "a long backlog after five minutes without status", "memory flat, I6"),
    Fault("secret_rotated", "a webhook secret replaced under load", "no valid request refused"),
    # What the engine's own rules answer.
    Fault("topic_recreated", "a topic deleted, made again and grown past the offset", "E7: refuses with 78"),
    Fault("standby_promoted", "a standby promoted that lacks the last commits", "E7: as restored"),
    Fault("frozen_in_copy", "an owner frozen inside COPY with rows locked", "E11: cut off by others"),
    Fault("frozen_with_lock", "an owner frozen in a transaction with rows locked", "E11, the server's idle limit"),
    Fault("late_repeat", "a late repeat arrives last on the compacted topic", "E1: the newest snapshot again"),
    Fault("number_reused", "a number used again by another order under load", "E3 I11"),
    Fault("erased_and_replayed", "an order erased, then everything replayed", "E9: nothing comes back"),
    Fault("two_machines", "two machine versions in one rolling restart", "E6"),
    Fault("hanging_transaction", "a producer's transaction never ends", "E12: alarm, no exit"),
    Fault("failed_then_good", "a failed batch followed by a good one", "never passed over"),
    Fault("broker_frozen", "one of three brokers stopped with SIGSTOP", "I1 I6 I7"),
    Fault("controller_killed", "the controller of three brokers killed", "I1 I6"),
    Fault("replica_cut_off", "one of three brokers without the others", "min.insync.replicas: 503, never a lost 202"),
)  # fmt: skip


def named(faults: Iterable[Fault] = FAULTS) -> dict[str, Fault]:
    """Return the faults by name."""
    return {fault.name: fault for fault in faults}


def not_run(text: str) -> dict[str, str]:
    """Read `tests/not_run.txt`: a line `name: reason` each, comments after #; raises ValueError for another line."""
    found: dict[str, str] = {}
    for line in text.splitlines():
        if not line.strip() or line.startswith("#"):
            continue
        name, colon, reason = line.partition(":")
        if not colon or not reason.strip() or name in found:
            raise ValueError(f"tests/not_run.txt: cannot read {line!r}")
        found[name] = reason.strip()
    return found
