"""Pixel-adaptive refinement (PAR): masks follow the colours of their image."""

from collections.abc import Sequence

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..registry import REFINEMENTS
from .dilated_neighbours import (
    COLOR_WEIGHT,
    STD_EPS,
    dilated_offsets,
    on_device,
    position_shares,
    valid_sizes,
)
from .gpu_kernels import load_kernels

# Elements of one output tile on the CPU: a tile, what it reads and its affinities
# then stay in a core's cache over all neighbours (measured best of 2^14 to 2^19).
TILE_NUMEL = 2**17


@REFINEMENTS.register_module()
class PixelAdaptiveRefinement(nn.Module):
    r"""Refine masks by a colour-aware diffusion over dilated neighbours.

    Pixel-adaptive refinement of AFA (Ru et al., CVPR 2022, `arXiv:2203.02664
    <https://arxiv.org/abs/2203.02664>`_, Eq. 8-10), as BMP (`arXiv:2308.04949
    <https://arxiv.org/abs/2308.04949>`_) uses it. With the 8 neighbours at every
    dilation, replicate padding, :math:`\sigma` the unbiased standard deviation over
    all neighbours and :math:`d_n` the distance of neighbour n in pixels

    .. math::
        A = \mathrm{softmax}_n\Big(-\tfrac13\sum_{rgb}
            \Big(\frac{|I_n - I|}{0.3(\sigma + 10^{-8})}\Big)^2\Big)
            + 0.01\,\mathrm{softmax}_n\Big(
            -\Big(\frac{d_n}{0.3(\sigma_d + 10^{-8})}\Big)^2\Big),
        \qquad M \leftarrow \sum_n A_n M_n

    is repeated ``num_iters`` times. The affinities of a pixel sum to 1.01, as
    published, so a constant mask grows by 1.01 per iteration (1.105 after ten) and
    thresholds applied afterwards depend on ``num_iters``.

    The neighbours of the masks are never materialised: memory is that of the affinities
    (one float per neighbour and pixel) plus about four copies of the masks. A GPU runs one
    kernel an iteration where Triton works; elsewhere every neighbour is added from a
    shifted view. To refine several sets of masks of the same images, stack them on the
    channel axis: channels share the affinity and do not mix.

    The module has no parameters, no buffers and no gradient (the published use is
    label making under ``no_grad``), and does not synchronise the device after its first
    call. Half precision inputs are computed in float32, whatever the autocast state.

    Args:
        dilations (Sequence[int]): Dilations of the 3x3 neighbourhood, in pixels.
            Defaults to (1, 2, 4, 8, 12, 24).
        num_iters (int): Number of iterations; 0 only resizes. Defaults to 10.
        check_finite (bool): Raise on masks or images that are not finite. It costs
            a device synchronisation; without it a value that is not finite spreads
            to the pixels that reach it and, for an image, makes them NaN.
            Defaults to False.

    Raises:
        ValueError: ``dilations`` is empty or holds a value below 1, or ``num_iters``
            is negative.

    Example:
        >>> refine = PixelAdaptiveRefinement()
        >>> refine(torch.rand(1, 3, 64, 64), torch.rand(1, 2, 16, 16)).shape
        torch.Size([1, 2, 64, 64])
    """

    # Colours count in standard deviations of their channel: normalised images do as well
    # as those in [0, 1].
    any_colour_scale = True

    def __init__(
        self,
        dilations: Sequence[int] = (1, 2, 4, 8, 12, 24),
        num_iters: int = 10,
        check_finite: bool = False,
    ) -> None:
        super().__init__()
        if len(dilations) == 0 or min(dilations) < 1:
            raise ValueError(f'dilations must be positive integers, got {dilations}')
        if num_iters < 0:
            raise ValueError(f'num_iters must not be negative, got {num_iters}')
        self.dilations = tuple(int(d) for d in dilations)
        self.num_iters = num_iters
        self.check_finite = check_finite
        self.padding = max(self.dilations)
        self.offsets = dilated_offsets(self.dilations)

    @torch.no_grad()
    def forward(self, images: Tensor, masks: Tensor, sizes: Tensor | None = None) -> Tensor:
        """Refine masks at the resolution of their images.

        An image of a single colour, or of one pixel, gives a plain blur, or the mask
        itself, times the gain of 1.01 per iteration.

        Args:
            images (Tensor): RGB in [0, 1], shape (N, 3, H, W); any number of channels.
            masks (Tensor): Scores of any range, shape (N, C, h, w); resized to (H, W)
                bilinearly with aligned corners when the size differs.
            sizes (Tensor, optional): Shape (N, 2), integer height and width of the
                valid area in the top-left corner of each image, at least 1. Nothing
                outside is read: the area's own border is replicated, exactly as if
                each area were refined alone. Values returned outside the area are
                meaningless. Defaults to None, everything is valid.

        Returns:
            Tensor: Refined masks, shape (N, C, H, W), dtype of ``masks``.

        Raises:
            ValueError: A tensor has not four dimensions or is not floating point, the
                batches differ, an image is empty, or, with ``check_finite``, a value
                is not finite.
        """
        self._check(images, masks)
        affinity = self.affinity(images, sizes)
        return self.propagate(masks, affinity, sizes)

    @torch.no_grad()
    def affinity(self, images: Tensor, sizes: Tensor | None = None) -> Tensor:
        """Affinities of every pixel to its neighbours, to be used more than once.

        Args:
            images (Tensor): RGB in [0, 1], shape (N, 3, H, W).
            sizes (Tensor, optional): Valid areas, see :meth:`forward`.

        Returns:
            Tensor: Shape (N, neighbours, H, W), each pixel's sum to 1.01.
        """
        with torch.autocast(images.device.type, enabled=False):
            images = images.to(torch.promote_types(images.dtype, torch.float32))
            kernels = load_kernels(images)
            if kernels is not None:
                offsets, shares = on_device(self.offsets, images.device)
                valid = valid_sizes(sizes, images)
                return kernels.affinities(
                    images, valid, offsets, shares, COLOR_WEIGHT, STD_EPS
                )
            index = self._padding_index(sizes, images)
            padded = self._pad(images, index)
            if images.device.type == 'cpu' and images.dtype == torch.float32:
                return self._fused_affinity(padded)
            return self._affinity(padded)

    @torch.no_grad()
    def propagate(
        self, masks: Tensor, affinity: Tensor, sizes: Tensor | None = None
    ) -> Tensor:
        """Refine masks by affinities of :meth:`affinity`.

        Args:
            masks (Tensor): Shape (N, C, h, w), resized as by :meth:`forward`.
            affinity (Tensor): Shape (N, neighbours, H, W).
            sizes (Tensor, optional): Valid areas, see :meth:`forward`.

        Returns:
            Tensor: Shape (N, C, H, W), dtype of ``masks``.
        """
        dtype = torch.promote_types(masks.dtype, affinity.dtype)
        with torch.autocast(masks.device.type, enabled=False):
            refined, affinity = masks.to(dtype), affinity.to(dtype)
            size = affinity.shape[-2:]
            if refined.shape[-2:] != size:
                refined = F.interpolate(
                    refined, size=size, mode='bilinear', align_corners=True
                )
            kernels = load_kernels(affinity)
            if kernels is None:
                index = self._padding_index(sizes, affinity)
                refined = self._diffuse(refined, affinity, index)
            else:
                self._check_affinity(refined, affinity)
                affinity = affinity.expand(len(refined), -1, -1, -1)
                offsets, _ = on_device(self.offsets, affinity.device)
                valid = valid_sizes(sizes, affinity)
                refined = kernels.diffuse(refined, affinity, valid, offsets, self.num_iters)
        return refined.to(masks.dtype)

    def extra_repr(self) -> str:
        """Settings shown by ``print``."""
        return f'dilations={self.dilations}, num_iters={self.num_iters}'

    def _check(self, images: Tensor, masks: Tensor) -> None:
        for name, value in (('images', images), ('masks', masks)):
            if value.ndim != 4 or not value.is_floating_point():
                raise ValueError(
                    f'{name} must be a floating point (N, C, H, W) tensor, got '
                    f'{value.dtype} of shape {tuple(value.shape)}'
                )
            if self.check_finite and not torch.isfinite(value).all():
                raise ValueError(f'{name} contain values that are not finite')
        if len(images) != len(masks):
            raise ValueError(f'{len(images)} images but masks of {len(masks)}')
        if 0 in images.shape[1:] or 0 in masks.shape[-2:]:
            raise ValueError(
                f'empty images {tuple(images.shape)} or masks {tuple(masks.shape)}'
            )

    def _check_affinity(self, masks: Tensor, affinity: Tensor) -> None:
        """Kernels would read beyond what does not fit."""
        if affinity.shape[1] != len(self.offsets) or len(affinity) not in (1, len(masks)):
            raise ValueError(
                f'affinity {tuple(affinity.shape)} must be of {len(masks)} images and '
                f'{len(self.offsets)} neighbours'
            )

    def _padding_index(self, sizes: Tensor | None, like: Tensor) -> Tensor | None:
        """Flat source pixel of every padded pixel, (N, 1, (H + 2P)(W + 2P))."""
        if sizes is None:
            return None
        sizes = sizes.to(like.device, non_blocking=True)
        height, width = like.shape[-2:]
        rows, cols = (
            torch.arange(-self.padding, n + self.padding, device=sizes.device)
            .clamp(min=0)[None]
            .minimum(sizes[:, axis, None] - 1)
            for axis, n in enumerate((height, width))
        )
        return (rows[:, :, None] * width + cols[:, None]).flatten(1)[:, None]

    def _pad(self, maps: Tensor, index: Tensor | None) -> Tensor:
        """Replicate the border of the image, or of each image's valid area."""
        if index is None:
            return F.pad(maps, (self.padding,) * 4, mode='replicate')
        n, c, h, w = maps.shape
        padded = maps.flatten(2).gather(2, index.expand(-1, c, -1))
        return padded.view(n, c, h + 2 * self.padding, w + 2 * self.padding)

    def _shifted(self, padded: Tensor, offset: tuple[int, int]) -> Tensor:
        """View of what every pixel sees at an offset."""
        top, left = self.padding + offset[0], self.padding + offset[1]
        height, width = (n - 2 * self.padding for n in padded.shape[-2:])
        return padded[..., top : top + height, left : left + width]

    def _fused_affinity(self, padded: Tensor) -> Tensor:
        """The same of single precision on a CPU, in one pass."""
        # Importing numba takes as long as importing the rest of the package.
        from .colour_affinity import colour_affinity

        return colour_affinity(
            padded.contiguous().numpy(),
            np.array(self.offsets),
            np.array(position_shares(self.offsets), np.float32),
            COLOR_WEIGHT,
            STD_EPS,
            torch.get_num_threads(),
        )

    def _affinity(self, padded: Tensor) -> Tensor:
        """Affinity of every pixel to its neighbours, (N, neighbours, H, W)."""
        center = self._shifted(padded, (0, 0))
        neighbors = [self._shifted(padded, offset) for offset in self.offsets]
        # Two passes: a running sum of squares would lose flat areas to cancellation.
        mean = torch.zeros_like(center)
        for neighbor in neighbors:
            mean += neighbor
        mean /= len(neighbors)
        std = torch.zeros_like(center)
        for neighbor in neighbors:
            difference = neighbor - mean
            std.addcmul_(difference, difference)
        std = (std / (len(neighbors) - 1)).sqrt_()
        scale = 1 / ((std + STD_EPS) * COLOR_WEIGHT)

        n, _, h, w = center.shape
        affinity = center.new_empty(n, len(neighbors), h, w)
        for i, neighbor in enumerate(neighbors):
            difference = (neighbor - center).mul_(scale)
            affinity[:, i] = difference.square_().mean(dim=1).neg_()
        # Softmax in place: the affinities are the largest tensor here.
        affinity -= affinity.amax(dim=1, keepdim=True)
        affinity.exp_()
        affinity /= affinity.sum(dim=1, keepdim=True)
        for i, share in enumerate(position_shares(self.offsets)):
            affinity[:, i] += share
        return affinity

    def _diffuse(self, masks: Tensor, affinity: Tensor, index: Tensor | None) -> Tensor:
        """Every pixel becomes the weighted sum of its neighbours, again and again."""
        if not self.num_iters:
            return masks
        padded = self._pad(masks, index)
        out = torch.empty_like(masks)
        shifted = [self._shifted(padded, offset) for offset in self.offsets]
        # Views of the same memory serve all iterations: on small images making them would
        # take as long as the sums.
        tiles = [
            (
                out[tile],
                [
                    (view[tile], affinity[tile][:, i, None])
                    for i, view in enumerate(shifted)
                ],
            )
            for tile in self._tiles(out)
        ]
        for i in range(self.num_iters):
            if i:
                padded.copy_(self._pad(out, index))
            for target, neighbors in tiles:
                target.zero_()
                for view, weight in neighbors:
                    target.addcmul_(view, weight)
        return out

    @staticmethod
    def _tiles(out: Tensor) -> list[tuple]:
        """Images or slices of rows that fit a CPU cache; everything at once elsewhere."""
        n, c, height, width = out.shape
        if out.device.type != 'cpu':
            return [(slice(None),)]
        numel = TILE_NUMEL * torch.get_num_threads()
        images = max(1, numel // max(1, c * height * width))
        rows = max(1, numel // max(1, c * width))
        return [
            (slice(i, i + images), slice(None), slice(y, y + rows))
            for i in range(0, n, images)
            for y in range(0, height, rows)
        ]
