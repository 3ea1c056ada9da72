"""How hard the property tests try: `quick` by default, `ci` where CI runs, `thorough` by hand (HYPOTHESIS_PROFILE)."""

import os
from typing import Final

import pytest
from hypothesis import HealthCheck, settings

EXAMPLES: Final = {"quick": 60, "ci": 2_000, "thorough": 20_000}
#: Seconds that one property may take: many examples are no reason to call a test stuck.
PATIENCE: Final = {"quick": 120, "ci": 240, "thorough": 3_600}
PROFILE: Final = os.environ.get("HYPOTHESIS_PROFILE") or ("ci" if os.environ.get("CI") else "quick")

# No deadline: two cores are shared with brokers and databases, and a slow example is not a wrong one.
_SHARED: Final = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow], print_blob=True)

for _name, _examples in EXAMPLES.items():
    settings.register_profile(_name, _SHARED, max_examples=_examples)
settings.load_profile(PROFILE)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.get_closest_marker("hypothesis") is not None:
            item.add_marker(pytest.mark.timeout(PATIENCE[PROFILE]))
