"""Random walk of scores that a boundary map confines."""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from .._ranges import Count, CountOrZero, Positive, Share, check_options, check_ranges
from ..registry import REFINEMENTS
from .boundaries import build_boundary, strided_size
from .interface import ImageByImage
from .sparse_walk import SparseWalk, check_maps, cut_denormals, pair_offsets, walk_in_strips


@torch.no_grad()
@check_ranges
def random_walk(
    scores: Tensor,
    boundary: Tensor,
    radius: Count = 5,
    beta: Positive = 10,
    num_steps: CountOrZero = 256,
    max_memory: int = 2**28,
) -> Tensor:
    r"""Spread scores by a random walk that does not cross boundaries.

    IRN (Ahn et al., CVPR 2019, `arXiv:1904.05044 <https://arxiv.org/abs/1904.05044>`_,
    Eq. 4 and 5). Two pixels closer than ``radius`` are a pair with affinity

    .. math:: a_{ij} = 1 - \max_{k \in \Pi_{ij}} B(k), \qquad a_{ii} = 1

    where the path :math:`\Pi_{ij}` holds the pixels of the box spanned by i and j
    whose distance to the line through both is below 1, both ends included. Outside
    the image the boundary is 1. With T the elementwise power :math:`a^\beta`, each
    column divided by its sum, the result is :math:`(s (1 - B))\, T^{steps}`.

    Neither T nor a power of it is built. T has one value per pixel and offset, so a
    step is a sum of shifted products, and 90 steps do the work of 256, see
    :func:`~mmseg_weak.refinement.sparse_walk.walk_in_strips`.

    Args:
        scores (Tensor): Shape (C, h, w), floating point, of any range.
        boundary (Tensor): Boundary probability, shape (1, h, w), in [0, 1].
        radius (int): Pixels closer than this are pairs. Defaults to 5.
        beta (float): Power of the affinities, > 0. Defaults to 10.
        num_steps (int): Steps of the walk; the published 8 squarings are 256 steps.
            Defaults to 256.
        max_memory (int): Bytes the affinities may take (strips keep a minimum of
            ``12 * radius`` rows). The scores come on top, about eight times.
            Defaults to 2^28 (256 MiB).

    Returns:
        Tensor: Shape (C, h, w), device and dtype of ``scores``; computed in float32 at
        least. No gradient.

    Raises:
        ValueError: Shapes do not fit, a map is empty, not floating point or not finite,
            the boundary leaves [0, 1], or a parameter is out of range.

    Example:
        >>> random_walk(torch.rand(3, 24, 31), torch.rand(1, 24, 31)).shape
        torch.Size([3, 24, 31])
    """
    _check(scores, boundary)
    dtype = torch.promote_types(scores.dtype, torch.float32)
    boundary = boundary[0].to(scores.device, dtype)
    current = scores.to(dtype) * (1 - boundary)

    def make_walk(rows: slice) -> SparseWalk:
        part = boundary[rows]
        return SparseWalk(_affinities(part, radius, beta), *part.shape, radius)

    walked = walk_in_strips(current, make_walk, radius, num_steps, max_memory)
    return walked.to(scores.dtype)


@REFINEMENTS.register_module(name=['random_walk', 'RandomWalkRefinement'])
class RandomWalkRefinement(ImageByImage):
    """:func:`random_walk` up to the boundaries of the image, on a coarser grid.

    Cells are whole: the image is continued at its far border and the result cropped, as
    published. With ``background_score`` the protocol is IRN's too: the first score is
    background's and does not walk; the others do, their largest value becomes 1, and
    background is a constant. Without, background walks like a class and nothing is
    divided: ours.

    Args:
        boundary (str): ``gradient``, weights of an edge network or a folder, see
            :func:`~mmseg_weak.refinement.boundaries.build_boundary`. Defaults to
            ``gradient``.
        stride (int): The walk runs on a grid that is coarser by it, >= 1. Defaults to 4.
        background_score (float, optional): Of IRN's protocol, in [0, 1]; published 0.25.
            Defaults to None, ours.
        **options: Of :func:`random_walk`.

    Raises:
        FileNotFoundError: The folder does not exist.
        ValueError: An option is unknown or out of range.
    """

    @check_ranges
    def __init__(
        self,
        boundary: str = 'gradient',
        stride: Count = 4,
        background_score: Share | None = None,
        **options,
    ) -> None:
        check_options('random_walk', random_walk, options)
        self.boundary = build_boundary(boundary)
        self.needs = getattr(self.boundary, 'needs', ())
        self.stride, self.options = stride, options
        self.background_score = background_score

    def refine_image(
        self, image: Tensor, scores: Tensor, image_ids: Sequence[str | None] = (None,)
    ) -> Tensor:
        """Walk; shapes as in :meth:`ImageByImage.refine_image`."""
        if self.background_score is None:
            return self._walk(image, scores, image_ids)
        classes = self._walk(image, scores[:, 1:], image_ids)
        classes = classes / classes.amax().clamp(min=1e-12)
        background = torch.full_like(scores[:, :1], self.background_score)
        return torch.cat([background, classes], dim=1)

    def _walk(self, image: Tensor, scores: Tensor, image_ids: Sequence) -> Tensor:
        """All of the scores, (1, n, H, W)."""
        height, width = image.shape[2:]
        size = strided_size((height, width), self.stride)
        whole = tuple(side * self.stride for side in size)
        pads = (0, whole[1] - width, 0, whole[0] - height)
        padded = F.pad(image, pads, mode='replicate')
        boundary = self.boundary(padded, size, image_ids[0])
        small = F.interpolate(
            F.pad(scores, pads, mode='replicate'), size, mode='bilinear', antialias=True
        )
        walked = random_walk(small[0], boundary, **self.options)[None]
        return F.interpolate(walked, whole, mode='bilinear')[..., :height, :width]


def _affinities(boundary: Tensor, radius: int, beta: float) -> Tensor:
    """Affinities as :class:`SparseWalk` takes them; outside the map the boundary is 1."""
    stride = boundary.shape[1] + radius
    flat = F.pad(boundary, (0, radius), value=1).flatten()
    # Paths may start before the first and end behind the last pixel.
    margin = radius * (stride + 1)
    padded = F.pad(flat, (margin, margin), value=1)
    offsets = pair_offsets(radius)
    affinities = flat.new_empty(len(offsets), flat.numel())
    for affinity, offset in zip(affinities, offsets):
        starts = [margin + y * stride + x for y, x in _path(*offset)]
        affinity.copy_(padded[starts[0] : starts[0] + flat.numel()])
        for start in starts[1:]:
            torch.maximum(affinity, padded[start : start + flat.numel()], out=affinity)
    return cut_denormals(affinities.neg_().add_(1).pow_(beta))


def _path(dy: int, dx: int) -> list[tuple[int, int]]:
    """Pixels of the box from (0, 0) to (dy, dx) less than 1 away from the line."""
    return [
        (y, x)
        for y in range(min(0, dy), max(0, dy) + 1)
        for x in range(min(0, dx), max(0, dx) + 1)
        if (dy * x - dx * y) ** 2 < dy * dy + dx * dx
    ]


def _check(scores: Tensor, boundary: Tensor) -> None:
    check_maps(scores=scores, boundary=boundary)
    if tuple(boundary.shape) != (1, *scores.shape[1:]):
        raise ValueError(
            f'boundary must be (1, {scores.shape[1]}, {scores.shape[2]}) like the '
            f'scores, got {tuple(boundary.shape)}'
        )
    if boundary.min() < 0 or boundary.max() > 1:
        raise ValueError(
            f'boundary must lie in [0, 1], got [{boundary.min():g}, {boundary.max():g}]'
        )
