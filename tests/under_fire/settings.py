"""The settings under which faults are tested: every limit small enough to be met within a test, none strange."""

from typing import Final

from tests.under_fire.stories import SECRET

API_KEY: Final = "an-api-key-of-the-test"

#: For every process on a stage; a test's own overrides win.
FAST: Final[dict[str, str]] = {
    "TRACKFOLD_KAFKA__SESSION_TIMEOUT_MS": "6000",
    "TRACKFOLD_KAFKA__REQUEST_TIMEOUT_MS": "5000",
    "TRACKFOLD_KAFKA__FETCH_MAX_WAIT_MS": "20",
    "TRACKFOLD_POSTGRES__POOL_SIZE": "4",
    "TRACKFOLD_POSTGRES__CONNECT_TIMEOUT_S": "3",
    "TRACKFOLD_POSTGRES__ACQUIRE_TIMEOUT_S": "3",
    "TRACKFOLD_POSTGRES__STATEMENT_TIMEOUT_S": "5",
    "TRACKFOLD_POSTGRES__LOCK_TIMEOUT_S": "2",
    "TRACKFOLD_POSTGRES__IDLE_IN_TRANSACTION_TIMEOUT_S": "6",
    "TRACKFOLD_PROCESS__WATCHDOG_S": "12",
    "TRACKFOLD_PROCESS__DRAIN_S": "10",
    "TRACKFOLD_STATUS__API_KEYS": API_KEY,
    "TRACKFOLD_STATUS__RELAY_POLL_MS": "20",
    "TRACKFOLD_INGEST__SECRETS__EASYPOST": SECRET,
    "TRACKFOLD_INGEST__KAFKA_TIMEOUT_S": "2",
    "TRACKFOLD_NOTIFY__SMTP_TLS": "none",
    "TRACKFOLD_NOTIFY__SETTLE_S": "0",
    "TRACKFOLD_NOTIFY__POLL_S": "0.1",
    "TRACKFOLD_NOTIFY__CALL_TIMEOUT_S": "2",
    "TRACKFOLD_NOTIFY__LEASE_S": "4",
    "TRACKFOLD_NOTIFY__RETRY_FIRST_S": "0.2",
    "TRACKFOLD_NOTIFY__RETRY_LONGEST_S": "1",
}
