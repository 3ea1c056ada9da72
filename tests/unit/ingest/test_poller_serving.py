"""Who serves which carrier: the operator's word, the carrier's own API, the one aggregator; never a guess."""

import pytest
from pydantic import SecretStr, ValidationError

from services.ingest.apis.australiapost import AUSTRALIAPOST
from services.ingest.poller.serving import make_serving
from services.ingest.poller.settings import PollerSection
from services.ingest.settings import IngestSection
from services.runtime.errors import Misconfigured
from tests.unit.ingest.watching import pulling, traits

USPS = pulling("usps", carriers=frozenset({"usps"}))
EASYPOST, AFTERSHIP = traits("easypost"), traits("aftership")


def served(*entries: str, carrier: str, apis: tuple = (USPS, EASYPOST)) -> str | None:  # type: ignore[type-arg]
    found = make_serving(entries, {one.provider: one for one in apis}).provider_of(carrier)
    return None if found is None else found.provider


@pytest.mark.parametrize(
    ("entries", "carrier", "expected"),
    [
        ((), "usps", "usps"),
        ((), "royal-mail", "easypost"),
        (("usps=easypost",), "usps", "easypost"),
        (("Royal Mail=none",), "royal-mail", None),
        (("*=none",), "royal-mail", None),
        (("*=none",), "usps", "usps"),
        (("*=none", "royal_mail = easypost"), "royal-mail", "easypost"),
    ],
)
def test_the_operator_s_word_comes_first(entries: tuple[str, ...], carrier: str, expected: str | None) -> None:
    assert served(*entries, carrier=carrier) == expected


def test_without_an_aggregator_nobody_serves_the_rest() -> None:
    assert served(carrier="royal-mail", apis=(USPS,)) is None
    assert served(carrier="usps", apis=()) is None


def test_two_aggregators_need_a_word() -> None:
    with pytest.raises(Misconfigured, match="aftership, easypost") as found:
        served(carrier="usps", apis=(EASYPOST, AFTERSHIP))
    assert "TRACKFOLD_INGEST__POLLER__SERVE=*=" in found.value.hint
    assert served("*=aftership", carrier="usps", apis=(EASYPOST, AFTERSHIP)) == "aftership"


@pytest.mark.parametrize(
    ("entry", "reason"),
    [
        ("usps", "serve_entry"),
        ("=easypost", "serve_entry"),
        ("usps=", "serve_entry"),
        ("!?=easypost", "serve_entry"),
        ("usps=aftership", "serve_unknown"),
        ("royal-mail=usps", "serve_other"),
        ("*=usps", "serve_other"),
    ],
)
def test_an_entry_that_cannot_be_is_refused(entry: str, reason: str) -> None:
    with pytest.raises(Misconfigured) as found:
        served(entry, carrier="usps")
    assert found.value.reason == reason


def section(**own: object) -> PollerSection:
    return PollerSection.model_validate(own)


def test_without_a_key_the_poller_is_off() -> None:
    assert not section().is_on
    assert section(enabled="on").is_on
    keys = {"australiapost": "user:password"}
    assert section(api_keys=keys).is_on
    assert not section(api_keys=keys, enabled="off").is_on


@pytest.mark.parametrize(
    ("key", "account", "reason"),
    [("user", "1", "api_key"), (":password", "1", "api_key"), ("user:password", "", "api_account")],
)
def test_credentials_that_lack_a_part_are_refused(key: str, account: str, reason: str) -> None:
    with pytest.raises(Misconfigured) as found:
        section(api_keys={"australiapost": key}, api_accounts={"australiapost": account}).check()
    assert found.value.reason == reason
    assert "password" not in str(found.value)


def test_credentials_of_digits_are_text() -> None:
    made = section(api_keys={"australiapost": SecretStr("1:2")}, api_accounts={"australiapost": 12345})
    found = made.credentials("australiapost")
    assert (found.key, found.secret, found.account) == ("1", "2", "12345")
    made.check()


def test_the_rate_of_the_documents_holds_unless_the_contract_says_another() -> None:
    assert section().spacing_s(AUSTRALIAPOST.traits) == 6
    assert section(api_rates={"australiapost": 600}).spacing_s(AUSTRALIAPOST.traits) == 0.1


@pytest.mark.parametrize(
    "own",
    [{"api_keys": {"nobody": "key"}}, {"lease_s": 30}, {"api_urls": {"australiapost": "ftp://x"}}, {"poll_s": 0}],
)
def test_what_cannot_be_is_refused(own: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        section(**own)


def configured(**keys: str) -> PollerSection:
    return PollerSection(api_keys={name: SecretStr(key) for name, key in keys.items()})


def test_a_carrier_s_own_api_is_polled_where_its_webhooks_have_no_secret_here() -> None:
    made = configured(fedex="id:secret", easypost="key")
    fedex, easypost = (made.serving(()).provider_of(carrier) for carrier in ("fedex", "royal-mail"))
    assert fedex is not None
    assert (fedex.pushes, fedex.registers, fedex.reads) == (False, 0, 30)
    assert easypost is not None
    assert (easypost.pushes, easypost.registers > 0) == (True, True), "it must know a number before it can be asked"
    heard = made.serving({"fedex"}).provider_of("fedex")
    assert heard is not None
    assert heard.pushes


def test_webhooks_are_heard_where_a_secret_or_the_address_of_the_keys_is_given() -> None:
    given = IngestSection.model_validate(
        {"secrets": {"ups": ["one"], "fedex": []}, "key_urls": {"shipengine": "https://x"}}
    )
    assert given.heard == {"ups", "shipengine"}


@pytest.mark.parametrize("url", ["http://api.example", "ftp://api.example", "api.example"])
def test_a_key_is_sent_over_tls_or_to_this_very_machine_and_nowhere_else(url: str) -> None:
    with pytest.raises(ValidationError):
        PollerSection(api_urls={"usps": url})
    assert PollerSection(api_urls={"usps": "http://127.0.0.1:9"}).api_urls
