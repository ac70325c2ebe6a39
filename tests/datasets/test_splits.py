"""Splits keep groups whole, and each stratum in proportion."""

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
def test_split_groups_puts_every_group_in_one_part(items, test, valid, seed):
    groups, strata = items
    parts = splits.split_groups(groups, strata, {"test": test, "valid": valid}, seed)
    assert list(parts) == ["train", "test", "valid"]
    everything = np.concatenate(list(parts.values()))
    assert sorted(everything) == list(range(len(groups)))
    sides = [set(groups[at]) for at in parts.values()]
    assert sum(map(len, sides)) == len(set(groups))


@given(grouped(), held_out, seeds)
def test_split_groups_takes_the_share_of_each_stratum_within_one_group(items, share, seed):
    groups, strata = items
    parts = splits.split_groups(groups, strata, {"test": share}, seed)
    for stratum in set(strata):
        given_ = (strata[parts["test"]] == stratum).sum()
        sizes = np.unique(groups[strata == stratum], return_counts=True)[1]
        assert abs(given_ - share * sizes.sum()) <= sizes.max()


def test_split_groups_gives_each_part_its_share():
    parts = splits.split_groups(np.arange(1000), np.zeros(1000), {"test": 0.2, "valid": 0.1}, 0)
    assert {part: len(at) for part, at in parts.items()} == {
        "train": 700,
        "test": 200,
        "valid": 100,
    }


@given(grouped(), seeds)
def test_split_groups_leaves_no_part_empty_if_there_are_enough_groups(items, seed):
    groups, strata = items
    parts = splits.split_groups(groups, strata, {"test": 0.01, "valid": 0.01}, seed)
    for stratum in set(strata):
        if len(set(groups[strata == stratum])) >= 3:
            assert all((strata[at] == stratum).any() for at in parts.values())


@given(grouped(), seeds)
def test_split_groups_depends_on_the_seed_only(items, seed):
    first, second = (splits.split_groups(*items, {"test": 0.3}, seed) for _ in range(2))
    assert all((first[part] == second[part]).all() for part in first)


def test_split_groups_keeps_outsized_group_in_training():
    for singles, copies, share in ((200, 100, 0.2), (20, 11, 0.5)):
        groups = np.concatenate([np.arange(singles), np.full(copies, singles)])
        for seed in range(20):
            parts = splits.split_groups(groups, groups * 0, {"test": share}, seed)
            assert singles in groups[parts["train"]]


@given(grouped(), st.integers(1, 200), seeds)
def test_take_groups_takes_whole_groups(items, limit, seed):
    groups, strata = items
    kept = splits.take_groups(groups, strata, limit, seed)
    assert (np.isin(groups, groups[kept]).nonzero()[0] == kept).all()
    for stratum in set(strata):
        of_it = set(groups[strata == stratum])
        assert len(of_it & set(groups[kept])) >= min(3, len(of_it))


@given(st.lists(st.binary(max_size=2), min_size=1))
def test_first_occurrence_is_the_index_of_the_first_equal_key(keys):
    numbers = splits.first_occurrence(keys)
    assert [keys.index(key) for key in keys] == list(numbers)


@pytest.mark.parametrize("size", [1, 2])
def test_split_groups_fills_training_first_if_there_are_few_groups(size):
    parts = splits.split_groups(np.arange(size), np.zeros(size), {"test": 0.2, "valid": 0.1}, 0)
    assert sum(map(len, parts.values())) == size
    assert len(parts["train"]) == 1


def test_take_groups_is_balanced_and_depends_on_the_seed():
    strata = np.repeat([0, 1], [900, 100])
    first, second = (splits.take_groups(np.arange(1000), strata, 100, seed) for seed in (0, 1))
    assert np.bincount(strata[first]).tolist() == [90, 10]
    assert set(first) != set(second)
