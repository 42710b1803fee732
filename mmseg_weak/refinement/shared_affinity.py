"""One affinity per image for all labels made of it."""

from collections.abc import Sequence

import torch
from torch import Tensor

from .pixel_adaptive import PixelAdaptiveRefinement


class SharedAffinity:
    """A refinement of one batch that remembers the affinities of whole images.

    :func:`par_label` refines whole images and :func:`background_aware_label` their valid
    boxes. Where an image has no padding both see the same picture, and the second call
    uses the affinities of the first. Hand one instance to both functions, made anew for
    every batch; the half-sized images they make must be those of the same batch.

    Args:
        refine (PixelAdaptiveRefinement): The refinement.
        whole (Sequence[bool]): For each image, whether its valid box is all of it.
    """

    def __init__(self, refine: PixelAdaptiveRefinement, whole: Sequence[bool]) -> None:
        self.refine = refine
        self.padded = [i for i, is_whole in enumerate(whole) if not is_whole]
        self.affinity: Tensor | None = None

    def __call__(
        self, images: Tensor, masks: Tensor, sizes: Tensor | None = None
    ) -> Tensor:
        """Refine masks, see :meth:`PixelAdaptiveRefinement.forward`.

        Args:
            images (Tensor): Shape (N, 3, h, w).
            masks (Tensor): Shape (N, C, h, w).
            sizes (Tensor, optional): Valid areas, shape (N, 2).

        Returns:
            Tensor: Refined masks, shape (N, C, h, w).
        """
        if not self.padded:
            sizes = None
        if sizes is None:
            if self.affinity is None:
                self.affinity = self.refine.affinity(images)
            return self.refine.propagate(masks, self.affinity)
        return self.refine.propagate(masks, self._boxed(images, sizes), sizes)

    def _boxed(self, images: Tensor, sizes: Tensor) -> Tensor:
        """Affinities within the boxes: only those of padded images are new."""
        if self.affinity is None or len(self.padded) == len(images):
            return self.refine.affinity(images, sizes)
        rows = torch.tensor(self.padded).to(images.device, non_blocking=True)
        affinity = self.refine.affinity(images[rows], sizes.to(images.device)[rows])
        return self.affinity.index_copy(0, rows, affinity)
