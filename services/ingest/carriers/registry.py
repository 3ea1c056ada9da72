"""The list of providers. A new one is one file beside this, one line here, and fixtures."""

from typing import Final

from services.ingest.carriers.aftership import AFTERSHIP
from services.ingest.carriers.australiapost import AUSTRALIAPOST
from services.ingest.carriers.base import Carrier, Pulled
from services.ingest.carriers.canadapost import CANADAPOST
from services.ingest.carriers.dhl import DHL
from services.ingest.carriers.easypost import EASYPOST
from services.ingest.carriers.fedex import FEDEX
from services.ingest.carriers.sendcloud import SENDCLOUD
from services.ingest.carriers.shipengine import SHIPENGINE
from services.ingest.carriers.shippo import SHIPPO
from services.ingest.carriers.shopify import SHOPIFY
from services.ingest.carriers.standard import STANDARD
from services.ingest.carriers.track17 import TRACK17
from services.ingest.carriers.ups import UPS
from services.ingest.carriers.usps import USPS
from services.ingest.shops.orders import ORDERS

CARRIERS: Final[dict[str, Carrier]] = {
    carrier.provider: carrier
    for carrier in (
        AFTERSHIP,
        AUSTRALIAPOST,
        CANADAPOST,
        DHL,
        EASYPOST,
        FEDEX,
        ORDERS,
        SENDCLOUD,
        SHIPENGINE,
        SHIPPO,
        SHOPIFY,
        STANDARD,
        TRACK17,
        UPS,
        USPS,
    )
}

WEBHOOK_CARRIERS: Final[dict[str, Carrier]] = {
    name: carrier for name, carrier in CARRIERS.items() if not isinstance(carrier, Pulled)
}
"""Those that send webhooks: `POST /webhooks/{provider}` and secrets exist for them alone."""
