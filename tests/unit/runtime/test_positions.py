"""What a hole in the offsets means."""

from services.runtime.positions import Hole, Partition, Positions, Verdict

HERE = Partition("inbox.v1", 0)
HOLE = Hole(HERE, stored=10, first=12)


def test_nothing_known_means_going_back() -> None:
    assert Positions().judge(HOLE) is Verdict.SEEK


def test_a_hole_where_this_process_left_off_is_what_the_log_has() -> None:
    positions = Positions()
    positions.left({HERE: 10}, epoch=positions.epoch)
    assert positions.below({HERE: 9}) == {HERE}
    assert positions.judge(HOLE) is Verdict.ASK


def test_a_hole_after_going_back_is_what_the_log_has() -> None:
    positions = Positions()
    positions.sought(HERE, 10)
    assert positions.judge(HOLE) is Verdict.ASK


def test_going_back_forgets_where_it_was_left() -> None:
    positions = Positions()
    positions.left({HERE: 12}, epoch=positions.epoch)
    positions.sought(HERE, 10)
    assert not positions.below({HERE: 11})


def test_another_place_than_the_stored_one_proves_nothing() -> None:
    positions = Positions()
    positions.left({HERE: 9}, epoch=positions.epoch)
    positions.sought(Partition("inbox.v1", 1), 10)
    assert positions.judge(HOLE) is Verdict.SEEK


def test_a_doubt_or_a_rebalance_forgets_all() -> None:
    for forget in (lambda positions: positions.doubt([HERE]), Positions.rebalanced):
        positions = Positions()
        positions.left({HERE: 10}, epoch=positions.epoch)
        forget(positions)
        assert positions.judge(HOLE) is Verdict.SEEK
        assert not positions.below({HERE: 9})


def test_a_batch_that_began_before_a_rebalance_proves_nothing_after_it() -> None:
    positions = Positions()
    before = positions.epoch
    positions.rebalanced()
    positions.left({HERE: 10}, epoch=before)
    assert positions.judge(HOLE) is Verdict.SEEK


def test_a_log_that_begins_below_where_it_was_left_went_back_by_itself() -> None:
    positions = Positions()
    assert positions.below({HERE: 3}) == set()
    positions.left({HERE: 10}, epoch=positions.epoch)
    assert positions.below({HERE: 10}) == set()
    assert positions.below({HERE: 9}) == {HERE}
    positions.sought(HERE, 5)
    assert positions.below({HERE: 5}) == set()
