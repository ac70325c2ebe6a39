"""Splits that keep all copies of an image in one part.

scikit-learn's group splitters are not enough: they do not stratify by exact shares, may leave a
part empty, and have no limit for a group that would fill a part.
"""

import hashlib

import numpy as np

OUTSIZED = 10  # times the median size of a stratum's groups


def duplicate_groups(images: np.ndarray) -> np.ndarray:
    """Group numbers of images ``[n, …]``: the index of the first image with the same pixels."""
    return first_occurrence([hashlib.sha256(image).digest()[:16] for image in images])


def first_occurrence(keys: list[bytes]) -> np.ndarray:
    """For each key, the index at which it occurs first: int64 ``[n]``."""
    seen: dict[bytes, int] = {}
    return np.fromiter((seen.setdefault(key, at) for at, key in enumerate(keys)), np.int64)


def split_groups(
    groups: np.ndarray, strata: np.ndarray, shares: dict[str, float], seed: int
) -> dict[str, np.ndarray]:
    """Split items in the same proportion in each stratum, without dividing a group.

    Parameters
    ----------
    groups
        int64 ``[n]``; items with the same number stay together. A group lies in one stratum.
    strata
        ``[n]``; class, or page size.
    shares
        Held-out parts and their fraction of each stratum's items, such as
        ``{"test": 0.2, "valid": 0.1}``; the rest is ``train``. A part misses its share by less
        than one group, and is never empty if the stratum has enough groups. Outsized groups
        (254 of notMNIST's I are the same image) go to ``train``: a held-out part full of one image
        would measure that image only.
    seed
        Seed of the shuffle.

    Returns
    -------
    Indices of the items of ``train`` and of each part of ``shares``, ascending.
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
            # At least one group, and one left for each part that follows (train is the last).
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
    """Indices of a subset of whole groups, balanced over the strata.

    Parameters
    ----------
    groups, strata
        As in `split_groups`.
    limit
        Number of items to aim at; None keeps all.
    seed
        Seed of the choice.
    least
        Groups to keep of each stratum whatever the limit, so that every part of a split gets one.
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
