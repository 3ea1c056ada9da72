"""The list of providers. A new one is one file beside this, one line here, and fixtures."""

from typing import Final

from services.ingest.carriers.base import Carrier
from services.ingest.carriers.easypost import EASYPOST
from services.ingest.carriers.standard import STANDARD

CARRIERS: Final[dict[str, Carrier]] = {
    carrier.provider: carrier
    for carrier in (
        EASYPOST,
        STANDARD,
    )
}
