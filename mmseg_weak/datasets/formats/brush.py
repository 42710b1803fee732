"""Label Studio's run-length code of brushes: bits of an RGBA image, alpha is the mask."""

from collections.abc import Iterator

import numpy as np

# Bits of the four lengths of runs that the encoder may choose from.
RUN_BITS = (3, 4, 8, 16)


class _Bits:
    """Reads numbers of some bits from bytes."""

    def __init__(self, data: list[int]) -> None:
        self.bits = np.unpackbits(np.array(data, dtype=np.uint8))
        self.at = 0

    def number(self, size: int) -> int:
        """The next bits as a number."""
        if self.at + size > len(self.bits):
            raise ValueError('the brush ends in the middle, the file is truncated')
        part = self.bits[self.at : self.at + size]
        self.at += size
        return int(part.dot(1 << np.arange(size - 1, -1, -1)))


def decode_brush(rle: list[int], width: int, height: int) -> np.ndarray:
    """Mask of a brush.

    Args:
        rle (list[int]): Bytes of the code, 0 to 255.
        width (int): Width of the image.
        height (int): Height of the image.

    Returns:
        np.ndarray: (height, width) bool.

    Raises:
        ValueError: It is truncated, or not of an image of that size.
    """
    if not isinstance(rle, list) or not all(type(v) is int and 0 <= v < 256 for v in rle):
        raise ValueError('the brush is no list of bytes')
    bits = _Bits(rle)
    total, word = bits.number(32), bits.number(5) + 1
    sizes = [bits.number(4) + 1 for _ in range(4)]
    if total != 4 * width * height:
        raise ValueError(f'the brush has {total} values, not 4 x {width} x {height}')
    if total > 40_000 * len(rle):  # the longest run is 65,536 values in 27 bits
        raise ValueError('the brush is too short for its image')
    values, at = np.zeros(total, dtype=np.uint8), 0
    while at < total:
        repeat = bits.number(1)
        length = 1 + bits.number(sizes[bits.number(2)])
        if at + length > total:
            raise ValueError('the brush is longer than its image')
        if repeat:
            values[at : at + length] = bits.number(word) & 255
        else:
            values[at : at + length] = [bits.number(word) & 255 for _ in range(length)]
        at += length
    return values.reshape(height, width, 4)[:, :, 3] > 0


def encode_brush(mask: np.ndarray) -> list[int]:
    """The code of a mask.

    Args:
        mask (np.ndarray): (H, W) bool.

    Returns:
        list[int]: Bytes that :func:`decode_brush` and the tool read.
    """
    values = np.repeat(mask.astype(bool).ravel(), 4)
    start = np.flatnonzero(np.diff(values, prepend=~values[:1]))
    lengths = np.diff(start, append=len(values))
    bits = [f'{len(values):032b}', f'{7:05b}', *(f'{size - 1:04b}' for size in RUN_BITS)]
    for value, length in zip(values[start], lengths.tolist()):
        while length:
            part = min(length, 2 ** RUN_BITS[-1])
            choice = next(i for i, size in enumerate(RUN_BITS) if part <= 2**size)
            bits.append(f'1{choice:02b}{part - 1:0{RUN_BITS[choice]}b}{255 * value:08b}')
            length -= part
    text = np.frombuffer(''.join(bits).encode(), dtype=np.uint8) - ord('0')
    return np.packbits(text).tolist()


def brush_lines(mask: np.ndarray) -> Iterator[list[tuple[float, float]]]:
    """Runs of pixels in the rows of a mask, each a line from centre to centre."""
    for row in np.flatnonzero(mask.any(axis=1)).tolist():
        edges = np.flatnonzero(np.diff(mask[row].astype(np.int8), prepend=0, append=0))
        for first, end in edges.reshape(-1, 2).tolist():
            yield [(first + 0.5, row + 0.5), (end - 0.5, row + 0.5)]
