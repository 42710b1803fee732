"""Masks of one category each, real and predicted, brought to one softness."""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from mmseg.models.utils import resize
from mmseg.utils import SampleList
from torch import Tensor

CELL = 8


@dataclass(frozen=True)
class CategoryMasks:
    """What the prediction transfer network compares; K (image, class) pairs.

    Attributes:
        images (Tensor): Small images of the pairs, shape (K, 3, h, w).
        real (Tensor): Down-up sampled masks, shape (K, 1, h, w).
        fake (Tensor): Down-up sampled probabilities with gradient, shape (K, 1, h, w).
    """

    images: Tensor
    real: Tensor
    fake: Tensor


def shown_classes(
    data_samples: SampleList, labels: Tensor, background: int = 0, ignore_index: int = 255
) -> tuple[Tensor, Tensor]:
    """Every (image, foreground class) whose pixels the labels of a batch hold.

    Args:
        data_samples (list[SegDataSample]): With the metainfo ``mask_classes`` from
            :class:`~mmseg_weak.datasets.transforms.ListMaskClasses`; without it the labels
            are searched, for which a GPU has to be waited.
        labels (Tensor): Shape (N, H, W).
        background (int): Index of the background class. Defaults to 0.
        ignore_index (int): Value of unlabelled pixels. Defaults to 255.

    Returns:
        tuple[Tensor, Tensor]: Image and class of each pair, long, shape (K,).
    """
    pairs = []
    for i, sample in enumerate(data_samples):
        classes = sample.metainfo.get('mask_classes')
        if classes is None:
            classes = set(labels[i].unique().tolist()) - {background, ignore_index}
        pairs += [(i, c) for c in sorted(classes)]
    index = torch.tensor(pairs, dtype=torch.long).reshape(-1, 2)
    image, category = index.to(labels.device, non_blocking=True).unbind(1)
    return image, category


def category_masks(
    inputs: Tensor,
    labels: Tensor,
    logits: Tensor,
    pairs: tuple[Tensor, Tensor],
    stride: int = 4,
    ignore_index: int = 255,
    align_corners: bool = False,
) -> CategoryMasks:
    """Gather the pairs' masks.

    Probabilities are enlarged after the softmax, for the pairs' classes only. Ignored
    pixels are 0 in both masks, and both go down by 8 and up again, so that neither softness
    nor holes tell them apart.

    Args:
        inputs (Tensor): Normalised images, shape (N, 3, H, W).
        labels (Tensor): Shape (N, H, W).
        logits (Tensor): Of any resolution, shape (N, C, h', w').
        pairs (tuple[Tensor, Tensor]): From :func:`shown_classes`.
        stride (int): The result is smaller than the images by it, >= 1.
        ignore_index (int): Value of unlabelled pixels. Defaults to 255.
        align_corners (bool): How logits are enlarged. Defaults to False.

    Returns:
        CategoryMasks: Float32.
    """
    image, category = pairs
    size = tuple(labels.shape[1:])
    small = tuple(-(-side // stride) for side in size)
    shown = labels[image]
    probabilities = logits.float().softmax(dim=1)[image, category][:, None]
    fake = probabilities
    if fake.shape[2:] != size:
        fake = resize(fake, size, mode='bilinear', align_corners=align_corners)
    fake = fake * (shown != ignore_index)[:, None]
    real = (shown == category[:, None, None]).float()[:, None]
    images = F.adaptive_avg_pool2d(inputs.float(), small)[image]
    return CategoryMasks(images, down_up(real, small), down_up(fake, small))


def down_up(masks: Tensor, size: tuple[int, int]) -> Tensor:
    """Mean over cells of 8x8 pixels, enlarged bilinearly.

    Args:
        masks (Tensor): Shape (K, 1, H, W).
        size (tuple[int, int]): Height and width of the result.

    Returns:
        Tensor: Shape (K, 1, *size).
    """
    if not len(masks):
        return masks.new_zeros(0, 1, *size) + masks.sum()
    cells = tuple(-(-side // CELL) for side in masks.shape[2:])
    coarse = F.adaptive_avg_pool2d(masks, cells)
    return F.interpolate(coarse, size, mode='bilinear', align_corners=False)
