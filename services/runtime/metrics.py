"""Every metric of ours, in one place: name, labels, meaning. Labels are few and bounded, never an order or a person.

A service adds its own under its own heading. Counted after the effect is durable, so that a retry is not counted twice.
"""

import platform
from importlib.metadata import PackageNotFoundError, version
from typing import Final

from prometheus_client import Counter, Gauge, Histogram, disable_created_metrics

# `_created` series double the page and nobody reads them.
disable_created_metrics()  # type: ignore[no-untyped-call]

_FAST: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)

# --- process ---------------------------------------------------------------------------------------------------------
BUILD_INFO: Final = Gauge("trackfold_build_info", "Always 1: which version runs", ["version", "python"])
READY: Final = Gauge("trackfold_ready", "1 while /readyz answers 200")
WAITING: Final = Gauge("trackfold_waiting", "1 while the process waits for this", ["what"])
RETRIES: Final = Counter("trackfold_retries_total", "Work done again after a failure", ["what", "reason"])
LOG_LINES_LOST: Final = Counter(
    "trackfold_log_lines_lost_total", "Log lines that nobody took: a pipe that is not read, a full disk"
)
LOOP_LAG: Final = Gauge("trackfold_event_loop_lag_seconds", "How late the event loop came back from its last nap")

# --- kafka -----------------------------------------------------------------------------------------------------------
BATCH_SECONDS: Final = Histogram(
    "trackfold_batch_seconds", "One batch, from its first statement to its commit", ["group"], buckets=_FAST
)
RECORDS: Final = Counter(
    "trackfold_records_total", "Records by what came of them: applied, repeated, dead_letter", ["group", "outcome"]
)
CONFLICTS: Final = Counter("trackfold_conflicts_total", "Batches rolled back for another writer's sake", ["group"])
OFFSET_GAPS: Final = Counter(
    "trackfold_offset_gaps_total", "Records lost to retention before they were read", ["group"]
)
LOG_CHECKS: Final = Counter(
    "trackfold_log_checks_total", "Looks whether a log is the one that was applied (rule E7)", ["group", "outcome"]
)
MISPLACED: Final = Counter(
    "trackfold_misplaced_records_total", "Records on another partition than their key's; they are applied", ["group"]
)
SEEKS: Final = Counter("trackfold_seeks_total", "Times a consumer went back to where its database stands", ["group"])
KAFKA_COMMIT_FAILURES: Final = Counter(
    "trackfold_kafka_commit_failures_total", "Commits to Kafka that failed (they only carry the lag metrics)", ["group"]
)
CONSUMER_LAG: Final = Gauge(
    "trackfold_consumer_lag_messages", "Offsets of this process's partitions that are not done yet", ["group", "topic"]
)
CONSUMER_STANDING: Final = Gauge(
    "trackfold_consumer_standing_seconds", "How long nothing was done although there is something to do", ["group"]
)
HANGING_TRANSACTIONS: Final = Gauge(
    "trackfold_hanging_transactions", "Partitions that a producer's open transaction stops", ["group", "topic"]
)
UNOWNED_PARTITIONS: Final = Gauge(
    "trackfold_unowned_partitions", "Partitions that no member of the group reads", ["group"]
)
REFUSED_RECORDS: Final = Counter("trackfold_refused_records_total", "Records that the database refused", ["group"])
TERMINATED_BACKENDS: Final = Counter(
    "trackfold_terminated_backends_total", "Transactions of frozen processes that were ended for a batch", ["group"]
)
SENDS: Final = Counter("trackfold_sends_total", "Records sent, by outcome: acknowledged, failed", ["topic", "outcome"])
SEND_SECONDS: Final = Histogram("trackfold_send_seconds", "From send to acknowledgement", ["topic"], buckets=_FAST)


def set_build_info() -> None:
    """Fill in which version runs; called once by `process.main`."""
    try:
        number = version("trackfold")
    except PackageNotFoundError:
        number = "unknown"
    BUILD_INFO.labels(number, platform.python_version()).set(1)


# --- ingest ----------------------------------------------------------------------------------------------------------
WEBHOOKS: Final = Counter(
    "trackfold_webhooks_total",
    "Webhooks by answer: the HTTP status, or gone when the sender hung up",
    ["provider", "answer"],
)
REUSED_DELIVERIES: Final = Counter(
    "trackfold_reused_deliveries_total", "Webhooks whose delivery id came before with another body", ["provider"]
)
TOKENS: Final = Counter(
    "trackfold_tokens_total", "Requests of UPS for a bearer token, by HTTP status; gone when it hung up", ["answer"]
)
SCANS: Final = Counter("trackfold_scans_total", "Scans sent to carrier.scans.v1 and acknowledged", ["provider", "kind"])
UNMAPPED: Final = Counter(
    "trackfold_unmapped_codes_total",
    "Scans whose code no map knows",
    ["provider", "carrier"],
)
UNLISTED_CARRIERS: Final = Counter(
    "trackfold_unlisted_carriers_total", "Scans of a carrier that stands in no list of ours", ["provider"]
)
ORDER_EVENTS: Final = Counter(
    "trackfold_order_events_total", "Order events sent to order.events.v1 and acknowledged", ["provider", "type"]
)
DEAD_LETTERS: Final = Counter("trackfold_dead_letters_total", "Records set aside", ["service", "reason"])
IGNORED_WEBHOOKS: Final = Counter(
    "trackfold_ignored_webhooks_total",
    "Authentic webhooks that concern no parcel, by why: test_mode, not_found, another topic",
    ["provider", "reason"],
)
PROOFS: Final = Counter(
    "trackfold_proofs_total",
    "Photos, signatures and letters by what came of them: kept, known, no_store, failed, or why one was dropped",
    ["kind", "outcome"],
)
PROOFS_DELETED: Final = Counter("trackfold_proofs_deleted_total", "Proofs deleted: expired, erased", ["why"])
PROOF_STORE_SECONDS: Final = Histogram(
    "trackfold_proof_store_seconds",
    "One call to the store of proofs, by outcome",
    ["operation", "outcome"],
    buckets=_FAST,
)
MISSED_WEBHOOKS: Final = Counter(
    "trackfold_missed_webhooks_total",
    "Scans that a read of the provider's API brought and no webhook had told",
    ["provider"],
)
API_REQUESTS: Final = Counter(
    "trackfold_api_requests_total",
    "Requests to providers' APIs by outcome: ok, or why they failed as a whole",
    ["provider", "operation", "outcome"],
)
API_SECONDS: Final = Histogram(
    "trackfold_api_request_seconds", "One request to a provider's API", ["provider", "operation"], buckets=_FAST
)
API_PARCELS: Final = Counter(
    "trackfold_api_parcels_total",
    "Parcels by what came of asking: answered, registered, refused, ended, later",
    ["provider", "operation", "outcome"],
)
POLLER_OVERDUE: Final = Gauge(
    "trackfold_poller_overdue_seconds", "How long the oldest parcel that is to be asked for has been due", ["provider"]
)

# --- status ----------------------------------------------------------------------------------------------------------
REPEATED: Final = Counter("trackfold_status_repeated_total", "Scans and order events that were known already")
FOLDED_AGAIN: Final = Counter(
    "trackfold_status_folded_again_total", "Records folded twice: others had changed their orders in between"
)
CONTRADICTED: Final = Counter(
    "trackfold_status_contradicted_total", "Order events that came with another content under a known id"
)
PUBLISHED: Final = Counter("trackfold_status_published_total", "Versions written to the outbox", ["state"])
NOT_ATTEMPTED: Final = Counter(
    "trackfold_status_not_really_attempted_total", "Deliveries that no attempt was made of, as their courier says (R9)"
)
UNKNOWN_CARRIERS: Final = Counter(
    "trackfold_status_unknown_carriers_total", "Shipments of a carrier that nobody listed (`carriers unknown`)"
)
UNCLAIMED_EXPIRED: Final = Counter(
    "trackfold_status_unclaimed_expired_total", "Shipments that no order claimed in time, deleted", ["provider"]
)
PURGED: Final = Counter(
    "trackfold_status_purged_total", "Orders and shipments that were purged, and marks that went in the end", ["what"]
)
AFTER_CLOSING: Final = Counter(
    "trackfold_status_after_closing_total",
    "Records of orders and shipments that were erased or purged before: they change nothing",
    ["what"],
)
TIMERS_FIRED: Final = Counter("trackfold_status_timers_fired_total", "Time events sent and acknowledged", ["rule"])
TIMERS_OVERDUE: Final = Gauge("trackfold_status_timers_overdue_seconds", "How long the oldest due timer has been due")
RESTORED: Final = Counter(
    "trackfold_status_restored_total", "Orders published again because the database was older than what it published"
)
OUTBOX_BYTES: Final = Gauge(
    "trackfold_outbox_bytes", "Size of the outbox: its files, or its rows once the files are above the limit"
)
OUTBOX_OLDEST: Final = Gauge("trackfold_outbox_oldest_seconds", "Age of the oldest message that is not relayed yet")
RELAYED: Final = Counter("trackfold_status_relayed_total", "Outbox rows acknowledged by Kafka", ["topic"])

# --- notify ----------------------------------------------------------------------------------------------------------
NOTIFICATIONS: Final = Counter(
    "trackfold_notifications_total",
    "Messages by what came of them: planned, held, try_later, accepted, suppressed, failed, unknown",
    ["channel", "milestone", "outcome", "reason"],
)
NOTIFY_CALL_SECONDS: Final = Histogram(
    "trackfold_notify_call_seconds",
    "Handing one message to its provider, by the answer",
    ["channel", "result"],
    buckets=(0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20),
)
NOTIFY_OLDEST_DUE: Final = Gauge("trackfold_notify_oldest_due_seconds", "How long the oldest due message has been due")
NOTIFY_VERSION_JUMPS: Final = Counter(
    "trackfold_notify_version_jumps_total", "Status messages that came without the ones before them"
)
NOTIFY_READ_BACK: Final = Counter(
    "trackfold_notify_read_back_total", "Outcomes that Kafka had and the database did not: it was restored", ["outcome"]
)
NOTIFY_OUTCOMES_PUBLISHED: Final = Counter(
    "trackfold_notify_outcomes_published_total", "Outcomes that Kafka has acknowledged", ["outcome"]
)
