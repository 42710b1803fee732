"""Clicks spread up to the edges of objects, by geodesic distances on a pixel grid."""

from collections.abc import Sequence
from typing import Annotated

import numpy as np
import torch
from torch import Tensor

from .._ranges import Interval, Positive, check_ranges
from ..constants import IGNORE_INDEX
from ..registry import REFINEMENTS
from ._jit import jit
from .boundaries import build_boundary
from .interface import ImageByImage


@jit
def geodesic_distance(cost, seeds):
    """Cost of the cheapest path from any seed to every pixel.

    Steps go to the eight neighbours and cost their length times the mean of both pixels,
    as in scikit-image's ``MCP_Geometric``. A circular array of buckets, no wider than the
    cheapest step, serves as the queue of Dijkstra's algorithm: every operation on it takes
    constant time, and distances are exact because a pixel is read again when it improves.
    Memory grows with the ratio of the largest to the smallest cost.

    Args:
        cost (np.ndarray): Cost of a pixel, (H, W) float32, > 0 and finite.
        seeds (np.ndarray): Flat indices of pixels at distance 0, (S,) int64.

    Returns:
        np.ndarray: (H, W) float32; infinite without seeds.
    """
    height, width = cost.shape
    stride = width + 2
    padded = np.full((height + 2, stride), np.inf, np.float32)
    padded[1:-1, 1:-1] = cost
    price = padded.ravel()
    distance = np.full(price.size, np.inf, np.float32)
    offsets = np.array(
        [-stride, -1, 1, stride, -stride - 1, 1 - stride, stride - 1, stride + 1]
    )
    lengths = np.array([0.5] * 4 + [0.5 * np.sqrt(2)] * 4).astype(np.float32)

    slot = cost.min()
    buckets = int(1.5 * cost.max() / slot) + 3
    first = np.full(buckets, -1, np.int32)  # of each bucket, a linked list of entries
    following = np.empty(9 * price.size + len(seeds), np.int32)
    pixel = np.empty(following.size, np.int32)
    unused, fresh, waiting = -1, 0, 0
    for seed in seeds:
        start = (seed // width + 1) * stride + seed % width + 1
        distance[start] = 0
        pixel[fresh], following[fresh], first[0] = start, first[0], fresh
        fresh += 1
        waiting += 1
    current = 0
    while waiting:
        bucket = current % buckets
        while first[bucket] >= 0:
            entry = first[bucket]
            first[bucket], following[entry], unused = following[entry], unused, entry
            waiting -= 1
            here = pixel[entry]
            if int(distance[here] / slot) < current:
                continue  # a shorter way was found and followed
            for k in range(8):
                there = here + offsets[k]
                reached = distance[here] + lengths[k] * (price[here] + price[there])
                if reached < distance[there]:
                    distance[there] = reached
                    target = int(reached / slot) % buckets
                    if unused >= 0:
                        entry, unused = unused, following[unused]
                    else:
                        entry = fresh
                        fresh += 1
                    pixel[entry], following[entry] = there, first[target]
                    first[target] = entry
                    waiting += 1
        current += 1
    return distance.reshape(height + 2, stride)[1:-1, 1:-1].copy()


def click_costs(
    edges: np.ndarray, clicks: np.ndarray, num_classes: int, base: float = 0.01
) -> np.ndarray:
    r"""Cost of the cheapest path from the clicks of each class over an edge map.

    A pixel costs :math:`b + e^2`, a step its length times the mean of both its pixels.

    Args:
        edges (np.ndarray): Edge strength e in [0, 1], (H, W).
        clicks (np.ndarray): Labels of clicked pixels, (H, W), 255 elsewhere.
        num_classes (int): Number of classes C.
        base (float): b > 0, cost of a pixel without any edge. Defaults to 0.01.

    Returns:
        np.ndarray: (C, H, W) float32. A class without a click costs as much as the nearest
        click of any class: nothing speaks for it or against it. Zeros without any click.
    """
    # Importing numba takes as long as importing the rest of the package.
    from .edge_geodesic import geodesic_distance

    cost = (base + np.square(edges, dtype=np.float32)).astype(np.float32)
    flat = clicks.ravel()
    costs = np.full((num_classes, *edges.shape), np.inf, np.float32)
    for label in np.unique(flat):
        if label != IGNORE_INDEX:
            costs[label] = geodesic_distance(cost, np.flatnonzero(flat == label))
    nearest = costs.min(axis=0)
    if not np.isfinite(nearest).all():
        return np.zeros_like(costs)
    return np.where(np.isinf(costs), nearest, costs)


@REFINEMENTS.register_module(name=['edge_geodesic', 'EdgeGeodesic'])
class EdgeGeodesic(ImageByImage):
    r"""Probabilities times how close the clicks of a class are, without crossing edges.

    .. math:: q_c \propto p_c \exp(-f \cdot d_c)

    with the geodesic distance :math:`d_c` of :func:`click_costs`. Runs on the CPU, about
    10 ms for each clicked class of a 300-pixel image, edges apart. Before a dense CRF:
    ``refinement=[dict(type='EdgeGeodesic'), dict(type='dense_crf')]``.

    Args:
        factor (float): f > 0. Defaults to 0.3.
        edges (str): ``gradient``, ``.npz`` weights of an edge network (extra supervision),
            or a folder of maps, see
            :func:`~mmseg_weak.refinement.boundaries.build_boundary`. Defaults to
            ``gradient``.
        base (float): b in [1e-4, 1], cost of a pixel without any edge. Defaults to 0.01.
        cache (str, optional): Folder to keep the maps of a network in. Defaults to None.

    Raises:
        FileNotFoundError: The edges do not exist.
        ValueError: A number is out of its range.
    """

    @check_ranges
    def __init__(
        self,
        factor: Positive = 0.3,
        edges: str = 'gradient',
        base: Annotated[float, Interval(1e-4, 1)] = 0.01,
        cache: str | None = None,
    ) -> None:
        self.factor, self.base = factor, base
        self.edges = build_boundary(edges, cache)
        self.needs = ('clicks', *getattr(self.edges, 'needs', ()))

    def refine_image(
        self,
        image: Tensor,
        scores: Tensor,
        clicks: Tensor,
        image_ids: Sequence[str | None] = (None,),
    ) -> Tensor:
        """Refine; shapes as in :meth:`ImageByImage.refine_image`, sums of 1 or 0."""
        edges = self.edges(image, tuple(image.shape[2:]), image_ids[0])
        costs = click_costs(
            edges[0].float().cpu().numpy(),
            clicks[0].cpu().numpy(),
            scores.shape[1],
            self.base,
        )
        distance = torch.from_numpy(costs).to(scores)[None]
        # From the class that is nearest, so that the exponential does not underflow there.
        nearest = distance.masked_fill(scores <= 0, float('inf')).amin(1, keepdim=True)
        closeness = torch.exp(-self.factor * (distance - nearest).clamp(min=0))
        closeness = torch.where(scores > 0, scores * closeness, 0.0)
        total = closeness.sum(dim=1, keepdim=True)
        return closeness / total.clamp(min=torch.finfo(closeness.dtype).tiny)
