"""Splits that keep every copy of a picture on one side."""

import numpy as np

OUTSIZED = 10  # times the median size of a stratum's groups


def duplicates(groups: np.ndarray) -> dict[str, int]:
    """How many images are distinct, and how many are copies of another one."""
    distinct = len(np.unique(groups))
    return {"distinct": distinct, "copies": len(groups) - distinct}


def first_occurrence(keys: list[bytes]) -> np.ndarray:
    """Group numbers: for each key, the position at which it was first seen.

    Returns
    -------
    int64 ``[n]``; equal keys have equal numbers.
    """
    seen: dict[bytes, int] = {}
    return np.fromiter((seen.setdefault(key, at) for at, key in enumerate(keys)), np.int64)


def split_groups(
    groups: np.ndarray, strata: np.ndarray, shares: dict[str, float], seed: int
) -> dict[str, np.ndarray]:
    """Split items so that no group is divided, each stratum in the same proportion.

    Parameters
    ----------
    groups
        int64 ``[n]``; items of equal number stay together. A group lies in one stratum.
    strata
        ``[n]``; class, or page size.
    shares
        Held-out parts and their fraction of each stratum's items, e.g.
        ``{"test": 0.2, "valid": 0.1}``; what is left is ``train``. A part misses its share by less
        than one group, and is never empty where a stratum has a group to give it. Outsized groups
        (254 of notMNIST's I are one and the same picture) go to ``train``: a part that they
        filled would measure one picture.
    seed
        Of the shuffle.

    Returns
    -------
    Item positions of ``train`` and of each part of ``shares``, ascending.
    """
    chosen: dict[str, list[np.ndarray]] = {part: [] for part in ("train", *shares)}
    rng = np.random.default_rng(seed)
    for stratum in np.unique(strata):
        ids, sizes = np.unique(groups[strata == stratum], return_counts=True)
        order = rng.permutation(len(ids))
        outsized = sizes[order] > OUTSIZED * np.median(sizes)
        order = np.concatenate([order[~outsized], order[outsized]])
        ids, ends = ids[order], np.cumsum(sizes[order])
        start, wanted = 0, 0.0
        for left, (part, share) in zip(range(len(shares), 0, -1), shares.items(), strict=True):
            wanted += share * ends[-1]
            stop = int(np.searchsorted(ends, wanted + 0.5, side="right"))
            # One group at least, and one left over for each part still to come (train is last).
            stop = max(start, min(max(stop, start + 1), len(ids) - left))
            chosen[part].append(ids[start:stop])
            start = stop
        chosen["train"].append(ids[start:])
    return {
        part: np.flatnonzero(np.isin(groups, np.concatenate(picked) if picked else []))
        for part, picked in chosen.items()
    }


def take_groups(
    groups: np.ndarray, strata: np.ndarray, limit: int | None, seed: int, least: int = 3
) -> np.ndarray:
    """Positions of a subset of whole groups, balanced over the strata, for small try-outs.

    Parameters
    ----------
    groups, strata
        As in `split_groups`.
    limit
        Number of items aimed at; None keeps all.
    least
        Groups kept of each stratum whatever the limit, so that every part of a split gets one.
    """
    if limit is None or limit >= len(groups):
        return np.arange(len(groups))
    rng = np.random.default_rng(seed)
    kept = []
    for stratum in np.unique(strata):
        ids, sizes = np.unique(groups[strata == stratum], return_counts=True)
        order = rng.permutation(len(ids))
        room = limit * sizes.sum() / len(groups)
        fitting = int(np.searchsorted(np.cumsum(sizes[order]), room + 1e-9, side="right"))
        kept.append(ids[order][: max(fitting, least)])
    return np.flatnonzero(np.isin(groups, np.concatenate(kept)))
