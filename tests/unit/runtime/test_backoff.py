"""Full jitter."""

from hypothesis import given
from hypothesis import strategies as st

from services.runtime.backoff import full_jitter


@given(st.integers(0, 10_000), st.floats(0, 1, exclude_max=True))
def test_a_delay_is_never_negative_and_never_above_the_longest(attempt: int, chance: float) -> None:
    assert 0 <= full_jitter(attempt, lambda: chance) <= 10


def test_the_ceiling_doubles_up_to_the_longest() -> None:
    assert [full_jitter(n, lambda: 1.0) for n in (0, 1, 2, 7, 8, 900)] == [0.05, 0.1, 0.2, 6.4, 10, 10]
