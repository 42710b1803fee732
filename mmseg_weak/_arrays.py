"""Read NumPy's files so that a damaged one ends in one line and takes no memory."""

import io
import math
import os
import zipfile
from typing import BinaryIO

import numpy as np

from ._messages import reason_of

# Deflate makes data at most so much smaller.
MOST_DEFLATED = 1032
HEADERS = {
    (1, 0): np.lib.format.read_array_header_1_0,
    (2, 0): np.lib.format.read_array_header_2_0,
}


def read_array(path: str | os.PathLike) -> np.ndarray:
    """The array of a ``.npy`` of numbers.

    Raises:
        FileNotFoundError: It does not exist.
        ValueError: It is damaged, or holds objects.
    """
    try:
        with open(path, 'rb') as file:
            return _read(file, os.path.getsize(path))
    except FileNotFoundError:
        raise FileNotFoundError(f'{path} does not exist') from None
    except Exception as error:  # headers are parsed as Python and raise anything
        reason = reason_of(error)
        raise ValueError(f'{path} is no whole .npy of numbers ({reason})') from None


def read_arrays(path: str | os.PathLike) -> dict[str, np.ndarray]:
    """All arrays of an ``.npz`` of numbers, by name.

    Raises:
        FileNotFoundError: It does not exist.
        ValueError: It is damaged, or holds objects.
    """
    arrays = {}
    try:
        most = MOST_DEFLATED * os.path.getsize(path)
        with zipfile.ZipFile(path) as archive:
            for info in archive.infolist():
                with archive.open(info) as member:
                    name = info.filename.removesuffix('.npy')
                    arrays[name] = _read(member, min(info.file_size, most))
    except FileNotFoundError:
        raise FileNotFoundError(f'{path} does not exist') from None
    except Exception as error:  # of zip, deflate and headers
        reason = reason_of(error)
        raise ValueError(f'{path} is no whole .npz of numbers ({reason})') from None
    return arrays


def _read(stream: BinaryIO, most: int) -> np.ndarray:
    """An array whose header does not ask for more bytes than there can be."""
    version = np.lib.format.read_magic(stream)
    if version not in HEADERS:
        raise ValueError(f'version {version} of the format')
    shape, by_column, dtype = HEADERS[version](stream)
    if dtype.kind not in 'biuf':
        raise ValueError(f'values of type {dtype}')
    size = math.prod(shape) * dtype.itemsize
    if min(shape, default=0) < 0 or size > most:
        raise ValueError(f'a shape of {shape} in a file too small for it')
    content = io.BytesIO(stream.read(size)).getbuffer()  # can be written to
    if len(content) < size:
        raise ValueError('its end is missing')
    return np.frombuffer(content, dtype).reshape(shape, order='F' if by_column else 'C')
