"""Affinities of near cells of a feature map, and the walk along them as a refinement."""

import os
from typing import Annotated

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .._ranges import Count, CountOrZero, Interval, check_ranges
from ..refinement.affinity_walk import cut_outside
from ..refinement.interface import ImageByImage
from ..refinement.sparse_walk import pair_offsets
from ..registry import REFINEMENTS
from .inference.fast_convolutions import prepare_inference
from .inference.peers import load_network
from .inputs.image_values import from_unit_rgb


def neighbour_affinity(features: Tensor, radius: int = 5) -> Tensor:
    r"""Affinity of each cell and half its neighbours closer than a radius.

    .. math:: a_{ij} = \exp\big(-\tfrac{1}{D} \sum_d |f_{id} - f_{jd}|\big)

    (Ahn and Kwak, `arXiv:1803.10464 <https://arxiv.org/abs/1803.10464>`_, Eq. 1). The
    backward pass takes the differences again instead of keeping them, which would be 34
    copies of the features at radius 5.

    Args:
        features (Tensor): Shape (N, D, h, w).
        radius (int): In cells, >= 1. Defaults to 5.

    Returns:
        Tensor: In (0, 1], shape (N, P, h, w) with the neighbours of
        :func:`~mmseg_weak.refinement.sparse_walk.pair_offsets`; 0 outside the map.
    """
    affinity = _NeighbourDistance.apply(features, radius).neg().exp()
    inside = neighbour_mask(*features.shape[2:], radius, features.device)
    return affinity * inside


def neighbour_mask(
    height: int, width: int, radius: int, device: torch.device | str | None = None
) -> Tensor:
    """Which neighbours lie in the map, bool, shape (P, h, w)."""
    offsets = pair_offsets(radius)
    mask = torch.ones(len(offsets), height, width, dtype=torch.bool, device=device)
    for inside, (dy, dx) in zip(mask, offsets):
        cut_outside(inside, dy, dx, False)
    return mask


def neighbour_values(maps: Tensor, radius: int, fill: float) -> Tensor:
    """Value of each neighbour, ``fill`` outside the map.

    Args:
        maps (Tensor): Shape (N, h, w).
        radius (int): In cells.
        fill (float): Value outside.

    Returns:
        Tensor: Shape (N, P, h, w).
    """
    offsets = pair_offsets(radius)
    n, height, width = maps.shape
    values = maps.new_full((n, len(offsets), height, width), fill)
    for p, offset in enumerate(offsets):
        here, there = _areas(height, width, *offset)
        values[:, p][here] = maps[there]
    return values


class _NeighbourDistance(torch.autograd.Function):
    """Mean absolute difference of each cell and its neighbours, (N, P, h, w)."""

    @staticmethod
    def forward(ctx, features: Tensor, radius: int) -> Tensor:
        """Affinities of all neighbours."""
        ctx.save_for_backward(features)
        ctx.radius = radius
        offsets = pair_offsets(radius)
        n, _, height, width = features.shape
        distance = features.new_zeros(n, len(offsets), height, width)
        for p, offset in enumerate(offsets):
            here, there = _areas(height, width, *offset)
            difference = (features[here] - features[there]).abs_()
            distance[:, p][here] = difference.mean(dim=1)
        return distance

    @staticmethod
    def backward(ctx, gradient: Tensor) -> tuple[Tensor, None]:
        """Gradient of the features."""
        (features,) = ctx.saved_tensors
        total = torch.zeros_like(features)
        height, width = features.shape[2:]
        gradient = gradient / features.shape[1]
        for p, offset in enumerate(pair_offsets(ctx.radius)):
            here, there = _areas(height, width, *offset)
            sign = (features[here] - features[there]).sign_()
            sign *= gradient[:, p][here][:, None]
            total[here] += sign
            total[there] -= sign
        return total, None


def _areas(height: int, width: int, dy: int, dx: int) -> tuple[tuple, tuple]:
    """Index of the cells that have a neighbour, and of these neighbours."""
    rows = max(0, height - dy)
    columns = max(0, width - abs(dx))
    left, right = max(0, -dx), max(0, dx)
    if not columns:
        left = right = 0
    here = (..., slice(0, rows), slice(left, left + columns))
    there = (..., slice(dy, dy + rows), slice(right, right + columns))
    return here, there


@REFINEMENTS.register_module(name=['affinity_walk', 'AffinityWalkRefinement'])
class AffinityWalkRefinement(ImageByImage):
    """Spread scores of background and classes along affinities that a network predicts.

    The published setting takes background as ``(1 - max_c cam_c) ** 16``. The network is
    loaded when first used.

    Args:
        config (str): Config of an
            :class:`~mmseg_weak.models.segmentors.AffinitySegmentor`.
        checkpoint (str): Its checkpoint.
        beta (float): Power of the affinities, > 0. Defaults to 8.
        num_steps (int): Steps of the walk, >= 0. Defaults to 256.
        max_side (int): The network sees images whose longer side is larger at this size,
            which bounds the memory. Defaults to 1600.

    Raises:
        FileNotFoundError: A file does not exist.
        ValueError: A number is out of its range.
    """

    @check_ranges
    def __init__(
        self,
        config: str,
        checkpoint: str,
        beta: Annotated[float, Interval(0, is_open=True, says='> 0')] = 8,
        num_steps: CountOrZero = 256,
        max_side: Count = 1600,
    ) -> None:
        for path in (config, checkpoint):
            if not os.path.isfile(path):
                raise FileNotFoundError(f'affinity_walk: {path} does not exist')
        self.files = config, checkpoint
        self.beta, self.num_steps, self.max_side = beta, num_steps, max_side
        self.network: nn.Module | None = None

    def refine_image(self, image: Tensor, scores: Tensor) -> Tensor:
        """Walk; shapes as in :meth:`ImageByImage.refine_image`.

        Raises:
            ValueError: The network is no ``AffinitySegmentor``.
        """
        network = self._load(image.device)
        shrink = self.max_side / max(image.shape[2:])
        if shrink < 1:
            size = [max(1, round(side * shrink)) for side in image.shape[2:]]
            image = F.interpolate(image, size, mode='bilinear', antialias=True)
        inputs = from_unit_rgb(image, network.data_preprocessor)
        return network.walk(inputs, scores[0], self.beta, self.num_steps)[None]

    def _load(self, device: torch.device) -> nn.Module:
        # A prepared network stays where it is: its layout is chosen for the device.
        if self.network is None or next(self.network.parameters()).device != device:
            network, _ = load_network(*self.files)
            if not hasattr(network, 'walk'):
                raise ValueError(
                    f'affinity_walk: {self.files[0]} is a {type(network).__name__}, not an '
                    'AffinitySegmentor'
                )
            self.network = prepare_inference(network.to(device))
        return self.network

    def __getstate__(self) -> dict:
        return dict(self.__dict__, network=None)
