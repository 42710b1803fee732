"""Outlines of a mask along the edges of its pixels, and runs of its pixels."""

from collections.abc import Iterator

import numpy as np
from scipy import ndimage

Ring = list[tuple[int, int]]
# Steps along an edge, clockwise on screen: right, down, left, up (x, y).
STEPS = ((1, 0), (0, 1), (-1, 0), (0, -1))


def outlines(mask: np.ndarray) -> Iterator[tuple[Ring, list[Ring]]]:
    """Outer ring and holes of each 4-connected part of a mask.

    Corners are whole numbers: the pixel in column ``i`` covers ``[i, i + 1)``. A pixel is
    in the mask if its centre is inside the outer ring and in no hole, so the outline
    loses nothing.

    Args:
        mask (np.ndarray): (H, W) bool.

    Yields:
        tuple[Ring, list[Ring]]: Corners ``(x, y)`` without the first repeated, outer rings
        clockwise on screen, holes the other way round.
    """
    parts, _ = ndimage.label(mask)
    for i, window in enumerate(ndimage.find_objects(parts), start=1):
        top, left = (axis.start for axis in window)
        rings = [
            [(x + left, y + top) for x, y in ring] for ring in _rings(parts[window] == i)
        ]
        areas = [signed_area(ring) for ring in rings]
        outer = int(np.argmax(areas))
        yield rings[outer], rings[:outer] + rings[outer + 1 :]


def signed_area(ring: Ring) -> float:
    """Area inside a ring, positive when it runs clockwise on screen (y down)."""
    x, y = np.array(ring, dtype=np.float64).T
    return float((x * np.roll(y, -1) - np.roll(x, -1) * y).sum() / 2)


def one_ring(outer: Ring, holes: list[Ring]) -> Ring:
    """The same area as one ring: a cut of no width leads to each hole and back.

    For formats whose polygons have no holes.
    """
    ring = list(outer)
    for hole in holes:
        ends, starts = np.array(ring), np.array(hole)
        distance = np.abs(ends[:, None] - starts).sum(axis=2)
        at, begin = np.unravel_index(distance.argmin(), distance.shape)
        around = hole[begin:] + hole[: begin + 1]
        ring = ring[: at + 1] + around + ring[at:]
    return ring


def runs(flat: np.ndarray) -> list[int]:
    """Lengths of runs of a flat mask in turn, the first of pixels outside it, maybe 0."""
    change = np.flatnonzero(np.diff(flat.astype(np.int8), prepend=0)) if len(flat) else []
    return np.diff(np.concatenate([[0], change, [len(flat)]])).astype(int).tolist()


def _rings(mask: np.ndarray) -> list[Ring]:
    """All rings around one part, the mask at their right hand, corners only."""
    steps = _edges(mask)
    rings = []
    while steps:
        start = next(iter(steps))
        point, heading, ring = start, steps[start][0], []
        while point in steps:
            # Of two ways at a corner where pixels touch, right keeps to the same pixel.
            turns = [(heading + turn) % 4 for turn in (1, 0, 3)]
            way = next(turn for turn in turns if turn in steps[point])
            if way != heading or not ring:
                ring.append(point)
            steps[point].remove(way)
            if not steps[point]:
                del steps[point]
            heading = way
            point = point[0] + STEPS[way][0], point[1] + STEPS[way][1]
            if point == start:
                break
        rings.append(ring)
    return rings


def _edges(mask: np.ndarray) -> dict[tuple[int, int], list[int]]:
    """Ways on from each corner, along edges with the mask at their right hand."""
    padded = np.pad(mask, 1)
    inside = padded[1:-1, 1:-1]
    # Way, neighbour across the edge, and corner of the pixel where the edge starts.
    sides = (
        (0, padded[:-2, 1:-1], (0, 0)),
        (1, padded[1:-1, 2:], (1, 0)),
        (2, padded[2:, 1:-1], (1, 1)),
        (3, padded[1:-1, :-2], (0, 1)),
    )
    steps: dict[tuple[int, int], list[int]] = {}
    for way, neighbour, (dx, dy) in sides:
        rows, columns = np.nonzero(inside & ~neighbour)
        for x, y in zip((columns + dx).tolist(), (rows + dy).tolist()):
            steps.setdefault((x, y), []).append(way)
    return steps
