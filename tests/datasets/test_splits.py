"""Splits keep groups whole, and in proportion."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from inkbench.datasets.reading import splits


@st.composite
def grouped(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray]:
    """Groups of one to five items, each in one of up to four strata, in any order."""
    sizes = draw(st.lists(st.integers(1, 5), min_size=1, max_size=60))
    strata = draw(st.lists(st.integers(0, 3), min_size=len(sizes), max_size=len(sizes)))
    groups = np.repeat(np.arange(len(sizes)) * 7, sizes)
    of_item = np.repeat(strata, sizes)
    order = np.random.default_rng(draw(st.integers(0, 9))).permutation(len(groups))
    return groups[order], of_item[order]


held_out = st.floats(0.01, 0.49)
seeds = st.integers(0, 2**32 - 1)


@given(grouped(), held_out, held_out, seeds)
def test_every_item_is_on_one_side_and_so_is_every_group(
    items: tuple[np.ndarray, np.ndarray], test: float, valid: float, seed: int
) -> None:
    groups, strata = items
    parts = splits.split_groups(groups, strata, {"test": test, "valid": valid}, seed)
    assert list(parts) == ["train", "test", "valid"]
    everything = np.concatenate(list(parts.values()))
    assert sorted(everything) == list(range(len(groups)))
    sides = [set(groups[at]) for at in parts.values()]
    assert sum(map(len, sides)) == len(set(groups))


@given(grouped(), held_out, seeds)
def test_each_stratum_gives_its_share_give_or_take_a_group(
    items: tuple[np.ndarray, np.ndarray], share: float, seed: int
) -> None:
    groups, strata = items
    parts = splits.split_groups(groups, strata, {"test": share}, seed)
    for stratum in set(strata):
        given_ = (strata[parts["test"]] == stratum).sum()
        sizes = np.unique(groups[strata == stratum], return_counts=True)[1]
        assert abs(given_ - share * sizes.sum()) <= sizes.max()


def test_every_held_out_part_gets_its_own_share() -> None:
    parts = splits.split_groups(np.arange(1000), np.zeros(1000), {"test": 0.2, "valid": 0.1}, 0)
    assert {part: len(at) for part, at in parts.items()} == {
        "train": 700,
        "test": 200,
        "valid": 100,
    }


@given(grouped(), seeds)
def test_no_part_is_empty_where_a_stratum_has_enough_groups(
    items: tuple[np.ndarray, np.ndarray], seed: int
) -> None:
    groups, strata = items
    parts = splits.split_groups(groups, strata, {"test": 0.01, "valid": 0.01}, seed)
    for stratum in set(strata):
        if len(set(groups[strata == stratum])) >= 3:
            assert all((strata[at] == stratum).any() for at in parts.values())


@given(grouped(), seeds)
def test_the_same_seed_gives_the_same_split(
    items: tuple[np.ndarray, np.ndarray], seed: int
) -> None:
    once, again = (splits.split_groups(*items, {"test": 0.3}, seed) for _ in range(2))
    assert all((once[part] == again[part]).all() for part in once)


def test_another_seed_gives_another_split() -> None:
    groups = np.arange(100)
    once, other = (
        splits.split_groups(groups, groups * 0, {"test": 0.3}, seed)["test"] for seed in (0, 1)
    )
    assert set(once) != set(other)


def test_a_picture_with_hundreds_of_copies_stays_in_training() -> None:
    groups = np.concatenate([np.arange(200), np.full(100, 200)])
    for seed in range(20):
        parts = splits.split_groups(groups, groups * 0, {"test": 0.2, "valid": 0.1}, seed)
        assert 200 in groups[parts["train"]]
        assert abs(len(parts["test"]) - 60) <= 1


@given(grouped(), st.integers(1, 200), seeds)
def test_a_subset_is_of_whole_groups(
    items: tuple[np.ndarray, np.ndarray], limit: int, seed: int
) -> None:
    groups, strata = items
    kept = splits.take_groups(groups, strata, limit, seed)
    assert (np.isin(groups, groups[kept]).nonzero()[0] == kept).all()
    for stratum in set(strata):
        of_it = set(groups[strata == stratum])
        assert len(of_it & set(groups[kept])) >= min(3, len(of_it))


def test_a_subset_keeps_the_balance_and_the_limit() -> None:
    strata = np.repeat(np.arange(10), 300)
    kept = splits.take_groups(np.arange(3000), strata, 400, seed=0)
    assert len(kept) == 400
    assert set(np.bincount(strata[kept])) == {40}


def test_no_limit_keeps_all() -> None:
    assert len(splits.take_groups(np.arange(9), np.zeros(9), None, seed=0)) == 9


@given(st.lists(st.binary(max_size=2), min_size=1))
def test_equal_keys_have_the_number_of_the_first(keys: list[bytes]) -> None:
    numbers = splits.first_occurrence(keys)
    assert [keys.index(key) for key in keys] == list(numbers)


@pytest.mark.parametrize("size", [1, 2])
def test_a_stratum_too_small_to_share_is_shared_as_far_as_it_goes(size: int) -> None:
    parts = splits.split_groups(
        np.arange(size), np.zeros(size), {"test": 0.2, "valid": 0.1}, seed=0
    )
    assert sum(map(len, parts.values())) == size
    assert len(parts["train"]) == 1


def test_a_subset_follows_the_strata_and_the_seed() -> None:
    strata = np.repeat([0, 1], [900, 100])
    one, other = (splits.take_groups(np.arange(1000), strata, 100, seed) for seed in (0, 1))
    assert np.bincount(strata[one]).tolist() == [90, 10]
    assert set(one) != set(other)


def test_eleven_copies_among_single_pictures_stay_in_training() -> None:
    groups = np.concatenate([np.arange(20), np.full(11, 20)])
    for seed in range(20):
        parts = splits.split_groups(groups, groups * 0, {"test": 0.5}, seed)
        assert 20 in groups[parts["train"]]
