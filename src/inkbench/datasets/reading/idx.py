"""The IDX format of MNIST and of the datasets made like it: gzipped arrays of bytes."""

import struct
from pathlib import Path

import numpy as np

from inkbench.datasets.reading import archives

_UINT8 = 8  # type code


def read_idx(path: Path, limit: int = 2**26) -> np.ndarray:
    """Read a gzipped IDX file of bytes (http://yann.lecun.com/exdb/mnist/).

    Parameters
    ----------
    path
        The file.
    limit
        Largest unpacked size to accept, in bytes.

    Returns
    -------
    uint8, in the shape that the header declares.

    Raises
    ------
    ArchiveError
        If the file is damaged, or its header and its length disagree.
    """
    content = archives.gunzip(path, limit)
    try:
        zeros, kind, dimensions = struct.unpack_from(">HBB", content)
        shape = struct.unpack_from(f">{dimensions}I", content, 4)
    except struct.error:
        raise archives.ArchiveError(path, "too short for an IDX file") from None
    body = np.frombuffer(content, np.uint8)[4 + 4 * dimensions :]
    if zeros or kind != _UINT8 or body.size != np.prod(shape, dtype=np.int64):
        raise archives.ArchiveError(
            path, f"not an IDX file of bytes: shape {shape}, type {kind}, {body.size:,} bytes"
        )
    return body.reshape(shape)
