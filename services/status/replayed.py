"""What a batch loads, adds and publishes, as plain values between the replay, the handler and the repository. Pure."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from schemas.scans import Scan
from services.status.claims import Claim
from services.status.inputs import OrderIn, ScanIn
from services.status.order import Document

CLAIM_KIND: Final = "claim"


@dataclass(frozen=True, slots=True)
class LedgerRow:
    """A row to append to a shipment's ledger: a scan, or a claim by an order."""

    shipment: str
    n: int
    content: str
    scan: Scan | None = None
    claim: Claim | None = None
    holds: bool = True
    """False for a claim that was given up."""


@dataclass(frozen=True, slots=True)
class Again:
    """No record: an order is to be read again as it lies in the history, and published where it reads differently."""

    order: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Published:
    """One version of one order."""

    order: str
    document: Document
    change: Document
    item: ScanIn | OrderIn | Again


@dataclass(slots=True)
class OrderRow:
    """What the order showed last."""

    version: int = 0
    state: str | None = None
    document: Document | None = None
    stale: bool = False
    """Another version of the machine folded it (rule E6)."""
    restored: bool = False
    """A future that the database has lost published it: its next version says so, whatever it shows (rule E7)."""
    waits: bool = False
    """It is restored and its inputs are not all read again yet: until then it publishes nothing."""
    closed: str | None = None
    """It was purged or erased (rules E8, E9)."""
    closed_through: datetime | None = None
    """It was purged: what happened until then is over, even if it was opened anew since."""
