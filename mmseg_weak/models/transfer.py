"""Prediction transfer: masks of one category each, and the network that judges them."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from mmengine.model import BaseModule
from mmseg.models.utils import resize
from mmseg.registry import MODELS
from mmseg.utils import SampleList
from torch import Tensor, nn

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


SLOPE = 0.2


@MODELS.register_module()
class PredictionNetwork(BaseModule):
    """P-Net, a discriminator of one category's mask, whatever the category.

    Six 3x3 convolutions in three pairs with pooling between, and three fully connected
    layers, from scratch (`Transferable Semi-supervised Semantic Segmentation
    <https://arxiv.org/abs/1711.06828>`_; widths are our reading). A grid of means before
    the linear layers lets images of any size in.

    Args:
        channels (Sequence[int]): Of the three pairs. Defaults to (32, 64, 64).
        hidden (Sequence[int]): Of the first two linear layers. Defaults to (128, 64).
        grid (int): Cells per side before them, >= 1. Defaults to 4.
        init_cfg (dict, optional): Initialisation. Defaults to Kaiming.

    Raises:
        ValueError: There are not three pairs and two hidden layers.
    """

    def __init__(
        self,
        channels: Sequence[int] = (32, 64, 64),
        hidden: Sequence[int] = (128, 64),
        grid: int = 4,
        init_cfg: dict | list | None = None,
    ) -> None:
        init_cfg = init_cfg or dict(
            type='Kaiming', layer=['Conv2d', 'Linear'], a=SLOPE, nonlinearity='leaky_relu'
        )
        super().__init__(init_cfg)
        if len(channels) != 3 or len(hidden) != 2 or grid < 1:
            raise ValueError(
                'PredictionNetwork: channels must be three numbers, hidden two and grid >= '
                f'1, got {channels}, {hidden} and {grid}'
            )
        layers, width = [], 3
        for i, wide in enumerate(channels):
            layers += [nn.MaxPool2d(2, ceil_mode=True)] if i else []
            layers += _convolution(width, wide) + _convolution(wide, wide)
            width = wide
        self.features = nn.Sequential(*layers, nn.AdaptiveAvgPool2d(grid), nn.Flatten())
        self.classifier = nn.Sequential(
            nn.Linear(width * grid * grid, hidden[0]),
            nn.LeakyReLU(SLOPE, inplace=True),
            nn.Linear(hidden[0], hidden[1]),
            nn.LeakyReLU(SLOPE, inplace=True),
            nn.Linear(hidden[1], 1),
        )

    def forward(self, masked: Tensor) -> Tensor:
        """Logits that the masks are real ones.

        Args:
            masked (Tensor): Images times the mask of one category, shape (K, 3, h, w).

        Returns:
            Tensor: Shape (K,).
        """
        return self.classifier(self.features(masked))[:, 0]

    def judge(self, masked: Tensor) -> Tensor:
        """As ``forward``, without gradients for the network's own weights."""
        frozen = {name: p.detach() for name, p in self.named_parameters()}
        return torch.func.functional_call(self, frozen, (masked,))


def _convolution(width: int, wide: int) -> list[nn.Module]:
    return [nn.Conv2d(width, wide, 3, padding=1), nn.LeakyReLU(SLOPE, inplace=True)]
