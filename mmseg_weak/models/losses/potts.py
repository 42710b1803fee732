"""Potts losses: neighbours of alike colour should have the same class."""

from collections.abc import Iterator, Sequence
from typing import Literal

import torch
import torch.nn.functional as F
from mmseg.registry import MODELS
from torch import Tensor

from ..._ranges import Count, Positive, check_ranges
from .image_loss import ImageCells, ImageLoss, QuadraticForm

Relaxation = Literal['bilinear', 'quadratic', 'normalised', 'collision', 'log_quadratic']
# Keeps logarithms of the dissimilar finite.
EPS = 1e-6
# Neighbours of one row of the window that a GPU reads at once, 128 MiB of float32.
DEVICE_NUMEL = 2**25


def grid_offsets(neighbours: int, dilations: Sequence[int]) -> list[tuple[int, int]]:
    """One of each pair of opposite neighbours (dy, dx), at every dilation.

    Args:
        neighbours (int): 4 or 8.
        dilations (Sequence[int]): Distances in cells, >= 1.

    Returns:
        list[tuple[int, int]]: dy > 0, or dy = 0 and dx > 0.
    """
    directions = [(0, 1), (1, 0), (1, 1), (1, -1)][: neighbours // 2]
    return [(d * dy, d * dx) for d in dilations for dy, dx in directions]


def pair_views(maps: Tensor, offset: tuple[int, int]) -> tuple[Tensor, Tensor]:
    """Both ends of all pairs at an offset, as views of maps (..., h, w).

    Args:
        maps (Tensor): Any number of leading dimensions.
        offset (tuple[int, int]): dy >= 0 and dx.

    Returns:
        tuple[Tensor, Tensor]: Shape (..., h - dy, w - abs(dx)); empty beyond the map.
    """
    dy, dx = offset
    height, width = maps.shape[-2:]
    rows, columns = max(0, height - dy), max(0, width - abs(dx))
    left, right = max(0, -dx), max(0, dx)
    return (
        maps[..., :rows, left : left + columns],
        maps[..., dy : dy + rows, right : right + columns],
    )


def colour_pairs(
    images: Tensor,
    valid: Tensor,
    offsets: Sequence[tuple[int, int]],
    sigma: float | None,
) -> Iterator[tuple[tuple[int, int], Tensor]]:
    r"""Weights :math:`\exp(-\|I_p - I_q\|^2 / 2\sigma^2) / \|p - q\|` of pairs of cells.

    Args:
        images (Tensor): RGB in [0, 1], shape (N, 3, h, w).
        valid (Tensor): Bool, shape (N, h, w); other cells have weight 0.
        offsets (Sequence[tuple[int, int]]): See :func:`grid_offsets`.
        sigma (float, optional): Width of the kernel; None takes the root mean square
            difference of the valid pairs of each image.

    Yields:
        tuple[tuple[int, int], Tensor]: Offset (in cells) and weights (N, h', w').
    """
    squares, masks = [], []
    for offset in offsets:
        first, second = pair_views(images, offset)
        squares.append((first - second).square().sum(dim=1))
        masks.append(torch.logical_and(*pair_views(valid, offset)))
    if sigma is None:
        total = sum((s * m).sum(dim=(1, 2)) for s, m in zip(squares, masks))
        count = sum(m.sum(dim=(1, 2)) for m in masks)
        variance = (total / count.clamp(min=1)).clamp(min=1e-8)[:, None, None]
    else:
        variance = sigma**2
    nearest = min(dy * dy + dx * dx for dy, dx in offsets) ** 0.5
    for (dy, dx), square, mask in zip(offsets, squares, masks):
        distance = (dy * dy + dx * dx) ** 0.5 / nearest
        yield (dy, dx), torch.exp(-square / (2 * variance)) * mask / distance


def dissimilarity(first: Tensor, second: Tensor, relaxation: Relaxation) -> Tensor:
    r"""Relaxed :math:`[y_p \neq y_q]` of distributions, 0 for equal one-hot ones.

    ``bilinear`` :math:`1 - p^\top q`; ``quadratic`` :math:`\tfrac12\|p - q\|^2`;
    ``normalised`` :math:`1 - p^\top q / (\|p\|\|q\|)`; ``collision``
    :math:`-\ln p^\top q`; ``log_quadratic`` :math:`-\ln(1 - \tfrac12\|p - q\|^2)`.

    Args:
        first, second (Tensor): Probabilities, shape (N, C, h, w).
        relaxation (str): One of these.

    Returns:
        Tensor: Shape (N, h, w).
    """
    if relaxation in ('quadratic', 'log_quadratic'):
        half = 0.5 * (first - second).square().sum(dim=1)
        return half if relaxation == 'quadratic' else -torch.log((1 - half).clamp(min=EPS))
    product = (first * second).sum(dim=1)
    if relaxation == 'collision':
        return -torch.log(product.clamp(min=EPS))
    if relaxation == 'normalised':
        norms = first.square().sum(dim=1) * second.square().sum(dim=1)
        return 1 - product / norms.sqrt()
    return 1 - product


@MODELS.register_module()
class PottsLoss(ImageLoss):
    r"""Mean relaxed Potts energy of neighbouring cells, weighted by their colours.

    The soft Potts terms of `Soft Self-labeling and Potts Relaxations
    <https://arxiv.org/abs/2507.01721>`_, as a loss of the network's own probabilities:
    :math:`\frac{1}{|E|} \sum_{pq \in E} w_{pq} P(p_p, p_q)` over the pairs of valid cells
    of all ranks, see :func:`dissimilarity` and :func:`colour_pairs`.

    Args:
        relaxation (str): ``bilinear``, ``quadratic``, ``normalised``, ``collision`` or
            ``log_quadratic``. Defaults to ``quadratic``.
        neighbours (int): 4 or 8. Defaults to 8.
        dilations (Sequence[int]): Distances of neighbours in cells of the logits, >= 1.
            Defaults to (1,).
        sigma (float, optional): Width of the colour kernel in units of RGB in [0, 1].
            Defaults to None, the contrast of each image.
        **kwargs: Of :class:`ImageLoss`.

    Raises:
        ValueError: An option is out of its range.
    """

    default_name = 'loss_potts'

    @check_ranges
    def __init__(
        self,
        relaxation: Relaxation = 'quadratic',
        neighbours: Literal[4, 8] = 8,
        dilations: Sequence[int] = (1,),
        sigma: Positive | None = None,
        **kwargs,
    ) -> None:
        super().__init__(**kwargs)
        if not dilations or min(dilations) < 1:
            raise ValueError(f'PottsLoss: dilations must be >= 1, got {dilations}')
        self.relaxation, self.sigma = relaxation, sigma
        self.offsets = grid_offsets(neighbours, dilations)

    def energy(self, logits: Tensor, cells: ImageCells) -> tuple[Tensor, Tensor]:
        """See :meth:`ImageLoss.energy`; counts the valid pairs."""
        probs, total, count = logits.softmax(dim=1), logits.new_zeros(()), 0
        for offset, weight in colour_pairs(
            cells.images, cells.valid, self.offsets, self.sigma
        ):
            unlike = dissimilarity(*pair_views(probs, offset), self.relaxation)
            total = total + (weight * unlike).sum()
            count = count + torch.logical_and(*pair_views(cells.valid, offset)).sum()
        return total, torch.as_tensor(count, device=logits.device).to(logits.dtype)


@MODELS.register_module()
class GatedCRFLoss(ImageLoss):
    r"""Mean energy :math:`\sum_i \sum_{j \in \mathcal N(i)} k_{ij} (1 - p_i^\top p_j)`.

    `Gated CRF Loss for Weakly Supervised Semantic Image Segmentation
    <https://arxiv.org/abs/1906.04651>`_ (Obukhov et al., 2019), with one Gaussian kernel on
    place and colour and gates that close padding; per valid cell, over all ranks. No
    neighbourhood is unfolded on a CPU: memory is that of a few maps. A GPU unfolds one row
    of the window at a time while that is small.

    Args:
        radius (int): Half side of the window in cells of the logits, >= 1. Defaults to 5,
            120 neighbours.
        sigma_xy (float): Standard deviation of the place, in cells. Defaults to 6.
        sigma_rgb (float): Of the colour, RGB in [0, 1]. Defaults to 0.1.
        **kwargs: Of :class:`ImageLoss`.

    Raises:
        ValueError: An option is out of its range.
    """

    default_name = 'loss_gated_crf'

    @check_ranges
    def __init__(
        self,
        radius: Count = 5,
        sigma_xy: Positive = 6.0,
        sigma_rgb: Positive = 0.1,
        **kwargs,
    ) -> None:
        super().__init__(**kwargs)
        self.radius, self.sigma_xy, self.sigma_rgb = radius, sigma_xy, sigma_rgb

    def energy(self, logits: Tensor, cells: ImageCells) -> tuple[Tensor, Tensor]:
        """See :meth:`ImageLoss.energy`; counts the valid cells, which are the gates."""
        probs, mask = logits.softmax(dim=1), cells.valid.to(logits)
        features = cells.images / (self.sigma_rgb * 2**0.5)
        # A CPU wants little memory, a GPU few calls while that is little.
        numel = (2 * self.radius + 1) * probs.numel()
        few_calls = probs.device.type != 'cpu' and numel <= DEVICE_NUMEL
        pair_sums = self._by_row if few_calls else self._by_offset
        with torch.no_grad():
            agreed, total = pair_sums(probs.detach(), features, mask)
        return total - QuadraticForm.apply(probs, agreed, 2 * agreed), mask.sum()

    def _by_offset(
        self, values: Tensor, features: Tensor, mask: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Weighted sums of the neighbours' probabilities, and the sum of all weights."""
        agreed, total = torch.zeros_like(values), values.new_zeros(())
        for dy in range(self.radius + 1):
            for dx in range(-self.radius if dy else 1, self.radius + 1):
                first, second = pair_views(features, (dy, dx))
                square = (first - second).square_().sum(dim=1)
                square += (dy * dy + dx * dx) / (2 * self.sigma_xy**2)
                gates = torch.mul(*pair_views(mask, (dy, dx)))
                kernel = square.neg_().exp_().mul_(gates)
                total += 2 * kernel.sum()
                near, far = pair_views(agreed, (dy, dx))
                first, second = pair_views(values, (dy, dx))
                near.addcmul_(kernel[:, None], second)
                far.addcmul_(kernel[:, None], first)
        return agreed, total

    def _by_row(
        self, values: Tensor, features: Tensor, mask: Tensor
    ) -> tuple[Tensor, Tensor]:
        """The same with all neighbours of one row of the window at once."""
        side, height = 2 * self.radius + 1, values.shape[2]
        windows = [
            F.pad(maps, (self.radius,) * 4).unfold(-1, side, 1)
            for maps in (values, features, mask)
        ]
        place = torch.arange(-self.radius, self.radius + 1, device=values.device)
        place = place.to(values) ** 2
        agreed, total = torch.zeros_like(values), values.new_zeros(())
        for row in range(side):
            seen, colours, gates = (w[..., row : row + height, :, :] for w in windows)
            square = (colours - features[..., None]).square_().sum(dim=1)
            square += ((row - self.radius) ** 2 + place) / (2 * self.sigma_xy**2)
            kernel = square.neg_().exp_().mul_(gates).mul_(mask[..., None])
            if row == self.radius:
                kernel[..., self.radius] = 0  # no cell is its own neighbour
            total += kernel.sum()
            agreed += (kernel[:, None] * seen).sum(dim=-1)
        return agreed, total
