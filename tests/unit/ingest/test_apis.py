"""Every API client, whoever wrote it: what the poller relies on before it calls one."""

import pytest

from schemas.carriers import is_known
from services.ingest.apis.base import Api
from services.ingest.apis.registry import APIS
from services.ingest.carriers.base import Pulled
from services.ingest.carriers.registry import CARRIERS

ALL = pytest.mark.parametrize("api", APIS.values(), ids=APIS.keys())


@ALL
def test_an_api_has_a_file_that_reads_its_answers(api: Api) -> None:
    assert api.traits.provider in CARRIERS


@ALL
def test_an_api_pushes_exactly_where_its_provider_sends_webhooks(api: Api) -> None:
    assert api.traits.pushes is not isinstance(CARRIERS[api.traits.provider], Pulled)


@ALL
def test_a_carrier_that_is_polled_can_be_read_and_registers_nothing(api: Api) -> None:
    its = api.traits
    assert its.pushes or (its.reads > 0 and its.registers == its.ends == 0 and its.renew_after is None)
    assert its.registers or (its.ends == 0 and its.renew_after is None)


@ALL
def test_an_api_keeps_to_https_a_rate_and_carriers_that_we_know(api: Api) -> None:
    its = api.traits
    assert its.base_url.startswith("https://")
    assert its.rate.requests > 0
    assert its.rate.per_s > 0
    assert all(is_known(carrier) for carrier in its.carriers or ())
    assert set(its.needs) <= {"key", "secret", "account"}


def test_an_api_stands_under_its_provider_s_name() -> None:
    assert all(name == api.traits.provider for name, api in APIS.items())
