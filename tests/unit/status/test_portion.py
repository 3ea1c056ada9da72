"""How many records a batch takes."""

from services.status.portion import LEAST, MOST, Portion


def test_a_consumer_that_nobody_disturbs_takes_all_that_it_may() -> None:
    portion = Portion()
    portion.note(MOST, folded_again=0)
    assert portion.records == MOST


def test_a_batch_of_which_much_was_folded_twice_is_followed_by_half_as_many() -> None:
    portion = Portion()
    portion.note(1_000, folded_again=101)
    assert portion.records == MOST // 2


def test_between_little_and_too_much_the_size_stays() -> None:
    portion = Portion(1_000)
    for folded_again in (25, 60, 100):
        portion.note(1_000, folded_again=folded_again)
    assert portion.records == 1_000


def test_where_little_is_folded_twice_batches_grow_by_a_quarter_up_to_the_most() -> None:
    portion = Portion(1_000)
    portion.note(1_000, folded_again=24)
    assert portion.records == 1_250
    for _ in range(20):
        portion.note(1_000, folded_again=0)
    assert portion.records == MOST


def test_batches_stay_large_enough_to_pay_for_their_statements() -> None:
    portion = Portion()
    for _ in range(20):
        portion.note(10, folded_again=10)
    assert portion.records == LEAST
