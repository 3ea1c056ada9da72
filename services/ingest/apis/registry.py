"""The list of API clients. A new one is one file beside this and one line here."""

from typing import Final

from services.ingest.apis.aftership import AFTERSHIP
from services.ingest.apis.australiapost import AUSTRALIAPOST
from services.ingest.apis.base import Api
from services.ingest.apis.canadapost import CANADAPOST
from services.ingest.apis.dhl import DHL
from services.ingest.apis.easypost import EASYPOST
from services.ingest.apis.fedex import FEDEX
from services.ingest.apis.sendcloud import SENDCLOUD
from services.ingest.apis.shipengine import SHIPENGINE
from services.ingest.apis.shippo import SHIPPO
from services.ingest.apis.track17 import TRACK17
from services.ingest.apis.ups import UPS
from services.ingest.apis.usps import USPS

APIS: Final[dict[str, Api]] = {
    api.traits.provider: api
    for api in (
        AFTERSHIP,
        AUSTRALIAPOST,
        CANADAPOST,
        DHL,
        EASYPOST,
        FEDEX,
        SENDCLOUD,
        SHIPENGINE,
        SHIPPO,
        TRACK17,
        UPS,
        USPS,
    )
}
