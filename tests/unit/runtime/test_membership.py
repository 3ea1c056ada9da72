"""What is believed of a broker's answer about a group."""

from types import SimpleNamespace
from typing import Any

import pytest
from aiokafka.errors import GroupCoordinatorNotAvailableError

from services.runtime.membership import assignments

COORDINATOR_NOT_AVAILABLE = 15


class Admin:
    """Answers DescribeGroups with these groups, by name; as aiokafka has them."""

    def __init__(self, **groups: tuple[Any, ...]) -> None:
        self.groups = groups

    async def describe_consumer_groups(self, names: list[str]) -> list[Any]:
        return [SimpleNamespace(groups=[self.groups[name] for name in names])]


async def test_what_each_member_owns_is_told_by_group() -> None:
    member = ("id", "client", "/host", b"metadata", b"owned")
    admin = Admin(busy=(0, "busy", "Stable", "consumer", "range", [member]), empty=(0, "empty", "Dead", "", "", []))
    assert await assignments(admin, ["busy", "empty", "busy"]) == {"busy": [b"owned"], "empty": []}


async def test_a_group_whose_coordinator_does_not_answer_is_not_taken_for_one_without_members() -> None:
    admin = Admin(busy=(COORDINATOR_NOT_AVAILABLE, "busy", "", "", "", []))
    with pytest.raises(GroupCoordinatorNotAvailableError):
        await assignments(admin, ["busy"])
