"""How hard the property tests try: `quick` in every run, `thorough` by hand (HYPOTHESIS_PROFILE=thorough)."""

import os

from hypothesis import HealthCheck, settings

# No deadline: two cores are shared with brokers and databases, and a slow example is not a wrong one.
_SHARED = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow], print_blob=True)

settings.register_profile("quick", _SHARED, max_examples=60)
settings.register_profile("thorough", _SHARED, max_examples=3000)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "quick"))
