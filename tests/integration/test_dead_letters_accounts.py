"""Who may look at dead letters and replay them is the broker's business; who may not is told what to ask for."""

import asyncio
from typing import Any, Final

import pytest
from confluent_kafka import admin as confluent

from tests.integration.dead_letter_desk import DEAD_LETTERS, LIMIT_S, WEBHOOKS, WHY, Desk
from tests.pipeline import Pipeline
from tests.stack.apache import ACCOUNTS
from tests.waiting import eventually

CONFIG: Final = 78
ACCOUNT, PASSWORD = next(iter(ACCOUNTS.items()))


@pytest.fixture
def desk(pipeline: Pipeline) -> Desk:
    """An operator with an account that was granted nothing."""
    account = {
        "KAFKA_BOOTSTRAP_SERVERS": pipeline.kafka.sasl_bootstrap_servers,
        "TRACKFOLD_KAFKA__SECURITY_PROTOCOL": "SASL_PLAINTEXT",
        "TRACKFOLD_KAFKA__SASL_MECHANISM": "PLAIN",
        "TRACKFOLD_KAFKA__SASL_USERNAME": ACCOUNT,
        "TRACKFOLD_KAFKA__SASL_PASSWORD": PASSWORD,
    }
    return Desk(pipeline, account)


async def grant(desk: Desk, topic: str, *operations: str) -> None:
    """Grant the account something; it holds from some moment after this on."""
    # confluent-kafka's stubs leave the classes of access rules out.
    known: Any = confluent
    what = (known.ResourceType.TOPIC, desk.pipeline.prefix + topic, known.ResourcePatternType.LITERAL)
    rules = [
        known.AclBinding(*what, f"User:{ACCOUNT}", "*", known.AclOperation[name], known.AclPermissionType.ALLOW)
        for name in operations
    ]
    client = known.AdminClient({"bootstrap.servers": desk.pipeline.kafka.bootstrap_servers})
    for granted in client.create_acls(rules).values():
        await asyncio.wrap_future(granted)


@pytest.mark.needs("acl")
@pytest.mark.timeout(300)
async def test_an_account_may_list_and_replay_only_what_it_was_granted(desk: Desk) -> None:
    key = await desk.set_aside(await desk.write(WEBHOOKS, key=None, value=b"{"))
    refused = await desk.type("list", exit_code=CONFIG)
    assert f"this account may not read {DEAD_LETTERS}" in refused
    assert f"next: grant this account the right READ on {desk.pipeline.prefix}{DEAD_LETTERS}" in refused

    await grant(desk, DEAD_LETTERS, "READ")

    async def listed() -> bool:
        return key in await desk.type("list")

    await eventually(listed, LIMIT_S, poll_s=0.5)
    refused = await desk.type("replay", key, *WHY, "--yes", exit_code=CONFIG)
    assert f"this account may not write {WEBHOOKS}" in refused
    assert "0 of 1 were written again" in refused
    assert (await desk.count(WEBHOOKS), await desk.count(DEAD_LETTERS)) == (1, 1)

    await grant(desk, DEAD_LETTERS, "WRITE")
    await grant(desk, WEBHOOKS, "WRITE")

    async def replayed() -> bool:
        return "1 records written again" in await desk.type("replay", key, *WHY, "--yes")

    await eventually(replayed, LIMIT_S, poll_s=0.5)
    assert [one.action for one in await desk.letters(2)] == ["quarantined", "replayed"]
