"""Between what a network sees and RGB in [0, 1]."""

import torch
from mmseg.models import SegDataPreProcessor
from torch import Tensor

MAX_VALUE = 255


def to_unit_rgb(inputs: Tensor, preprocessor: SegDataPreProcessor) -> Tensor:
    """Undo a preprocessor's normalisation.

    Args:
        inputs (Tensor): What the preprocessor made, shape (N, 3, H, W).
        preprocessor (SegDataPreProcessor): It. Images are taken to come from mmcv as BGR,
            so without a conversion by the preprocessor ``inputs`` are BGR.

    Returns:
        Tensor: RGB in [0, 1], shape (N, 3, H, W). Padding has any value.
    """
    if preprocessor._enable_normalize:
        inputs = inputs * preprocessor.std.to(inputs) + preprocessor.mean.to(inputs)
    if not _swaps_channels(preprocessor):
        inputs = inputs.flip(1)
    return (inputs / MAX_VALUE).clamp(0, 1)


def from_unit_rgb(images: Tensor, preprocessor: SegDataPreProcessor) -> Tensor:
    """Normalise images as a preprocessor does.

    Args:
        images (Tensor): RGB in [0, 1], shape (N, 3, H, W).
        preprocessor (SegDataPreProcessor): The preprocessor of the network to feed.

    Returns:
        Tensor: Input of that network, shape (N, 3, H, W).
    """
    inputs = images * MAX_VALUE
    if not _swaps_channels(preprocessor):
        inputs = inputs.flip(1)
    if preprocessor._enable_normalize:
        mean, std = (value.to(inputs) for value in (preprocessor.mean, preprocessor.std))
        inputs = (inputs - mean) / std
    return inputs


def valid_sizes(data_samples: list, size: tuple[int, int]) -> Tensor:
    """Height and width of each image before padding at the right and the bottom.

    Args:
        data_samples (list[SegDataSample]): With or without ``img_shape``.
        size (tuple[int, int]): Height and width of the padded batch.

    Returns:
        Tensor: Shape (N, 2), long, on the CPU.
    """
    shapes = [sample.metainfo.get('img_shape', size)[:2] for sample in data_samples]
    return torch.tensor(shapes).minimum(torch.tensor(tuple(size)))


def _swaps_channels(preprocessor: SegDataPreProcessor) -> bool:
    # Public in OpenMMLab's mmsegmentation, in the maintained fork mmengine's private one.
    names = ('channel_conversion', '_channel_conversion')
    return next(getattr(preprocessor, n) for n in names if hasattr(preprocessor, n))
