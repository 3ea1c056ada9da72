"""As hard as the property tests try (HYPOTHESIS_PROFILE); the broken bodies are seeded, so that a failure repeats."""

from tests.unit.conftest import pytest_collection_modifyitems

__all__ = ["pytest_collection_modifyitems"]
