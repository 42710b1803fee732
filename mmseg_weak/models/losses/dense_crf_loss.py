"""Dense CRF loss: all pixels of alike colour and place should have the same class."""

import numpy as np
import torch
from mmseg.registry import MODELS
from torch import Tensor

from ..._ranges import Positive, check_ranges
from .image_loss import ImageCells, ImageLoss, QuadraticForm


def dense_crf_energy(
    probs: Tensor,
    images: Tensor,
    valid: Tensor,
    sigma_xy: float = 25.0,
    sigma_rgb: float = 15.0,
) -> tuple[Tensor, Tensor]:
    r"""Cut of a fully connected graph of cells, :math:`\sum_k p_k^\top W (1 - p_k)`.

    `On Regularized Losses for Weakly-supervised CNN Segmentation
    <https://arxiv.org/abs/1803.09569>`_ (Tang et al., ECCV 2018). W is the Gaussian kernel
    on place and colour, filtered on our permutohedral lattice and symmetrically
    normalised as in :func:`~mmseg_weak.refinement.dense_crf`, so the loss does not grow
    with the size of the map. The derivative uses the transposed filter: blurring on the
    lattice is not symmetric.

    Args:
        probs (Tensor): Shape (N, C, h, w).
        images (Tensor): RGB in [0, 1], shape (N, 3, h, w).
        valid (Tensor): Bool, shape (N, h, w); other cells are not in the graph.
        sigma_xy (float): Standard deviation of the place, in cells. Defaults to 25.
        sigma_rgb (float): Of the colour, in grey levels. Defaults to 15.

    Returns:
        tuple[Tensor, Tensor]: The energy, and the number of valid cells.
    """
    mask = valid[:, None].to(probs)
    gated = probs * mask
    # The mask is one more signal: 1^T W 1 is what the energy starts from.
    signals = torch.cat([gated.detach(), mask], dim=1)
    maps = [
        _filtered(signal, image, cells, sigma_xy, sigma_rgb)
        for signal, image, cells in zip(signals, images, valid)
    ]
    filtered, gradient = (torch.stack(both) for both in zip(*maps))
    total = (mask[:, 0] * filtered[:, -1]).sum()
    agreed = QuadraticForm.apply(gated, filtered[:, :-1], gradient[:, :-1])
    return total - agreed, mask.sum()


def _filtered(
    signals: Tensor, image: Tensor, valid: Tensor, sigma_xy: float, sigma_rgb: float
) -> tuple[Tensor, Tensor]:
    """W s and (W + W^T) s of one image, shapes of the signals (C + 1, h, w)."""
    # Importing numba takes as long as importing the rest of the package.
    from ...refinement.permutohedral import PermutohedralLattice

    once, both = torch.zeros_like(signals), torch.zeros_like(signals)
    cells = np.nonzero(valid.cpu().numpy())
    if len(cells[0]):
        place = np.stack(cells[::-1], axis=1) / sigma_xy
        colours = image[:, valid].T.float().cpu().numpy() * (255 / sigma_rgb)
        lattice = PermutohedralLattice(np.concatenate([place, colours], axis=1))
        values = np.ascontiguousarray(signals[:, valid].T.float().cpu().numpy())
        result = lattice.filter(values)
        once[:, valid] = torch.from_numpy(result).T.to(signals)
        result = result + lattice.filter(values, transposed=True)
        both[:, valid] = torch.from_numpy(result).T.to(signals)
    return once, both


@MODELS.register_module()
class DenseCRFLoss(ImageLoss):
    """Mean of :func:`dense_crf_energy` per valid cell, over all ranks.

    The filter runs on the CPU, image by image; on a GPU the step waits for it.

    Args:
        sigma_xy (float): Standard deviation of the place, in pixels of the image.
            Defaults to 100.
        sigma_rgb (float): Of the colour, in grey levels. Defaults to 15.
        **kwargs: Of :class:`ImageLoss`.

    Raises:
        ValueError: An option is out of its range.
    """

    default_name = 'loss_crf'

    @check_ranges
    def __init__(
        self, sigma_xy: Positive = 100.0, sigma_rgb: Positive = 15.0, **kwargs
    ) -> None:
        super().__init__(**kwargs)
        self.sigma_xy, self.sigma_rgb = sigma_xy, sigma_rgb

    def energy(self, logits: Tensor, cells: ImageCells) -> tuple[Tensor, Tensor]:
        """See :meth:`ImageLoss.energy`."""
        sigma_xy = self.sigma_xy / cells.stride
        return dense_crf_energy(
            logits.softmax(dim=1), cells.images, cells.valid, sigma_xy, self.sigma_rgb
        )
