"""Image tags as the tensors that losses and clustering work on."""

import torch
from mmseg.utils import SampleList
from torch import Tensor


def stack_tags(
    data_samples: SampleList,
    num_foreground: int,
    background: int | None = 0,
    device: torch.device | str | None = None,
) -> Tensor:
    """Tags of a batch as rows of zeros and ones.

    Foreground class k is the k-th class of the data set when background is left out: with
    background at 0, class index k + 1.

    Args:
        data_samples (list[SegDataSample]): Their metainfo ``image_classes`` lists the
            classes of the whole image, as class indices of the data set.
        num_foreground (int): Number of classes C without background.
        background (int, optional): Index of the background class, None if the data set has
            none. Defaults to 0.
        device (torch.device | str, optional): Where the result is needed. Defaults to None,
            the CPU.

    Returns:
        Tensor: Float, shape (N, C); an image without tags is a row of zeros.

    Raises:
        ValueError: A sample has no ``image_classes``, or holds no foreground class there.
    """
    tags = torch.zeros(len(data_samples), num_foreground)
    for row, sample in zip(tags, data_samples):
        meta = sample.metainfo
        if meta.get('image_classes') is None:
            raise ValueError(
                f'{meta.get("img_path", "a sample")} has no image_classes: the pipeline '
                'needs LoadImageTags (or LoadClicks) and PackWeakSegInputs'
            )
        for label in meta['image_classes']:
            row[foreground_index(label, num_foreground, background, meta)] = 1
    # One copy, without waiting for the device.
    return tags if device is None else tags.to(device, non_blocking=True)


def foreground_index(
    label: int, num_foreground: int, background: int | None = 0, meta: dict | None = None
) -> int:
    """Column of a class in :func:`stack_tags`.

    Args:
        label (int): Class index of the data set.
        num_foreground (int): Number of classes without background.
        background (int, optional): Index of the background class. Defaults to 0.
        meta (dict, optional): ``img_path`` for the error message.

    Returns:
        int: 0 to ``num_foreground - 1``.

    Raises:
        ValueError: The class is background or out of range.
    """
    label = int(label)
    column = label - (background is not None and label > background)
    if label == background or not 0 <= column < num_foreground:
        where = f'{meta["img_path"]}: ' if meta and 'img_path' in meta else ''
        raise ValueError(
            f'{where}image class {label} is no foreground class; there are '
            f'{num_foreground} besides background ({background})'
        )
    return column


def class_labels(num_foreground: int, background: int | None = 0) -> Tensor:
    """Class index of the data set for each foreground class.

    Args:
        num_foreground (int): Number of classes C without background.
        background (int, optional): Index of the background class. Defaults to 0.

    Returns:
        Tensor: Long, shape (C,), on the CPU.
    """
    labels = torch.arange(num_foreground)
    return labels if background is None else labels + (labels >= background)


def stack_sample_indices(
    data_samples: SampleList, device: torch.device | str | None = None
) -> Tensor:
    """Positions of a batch's images in their data set.

    Args:
        data_samples (list[SegDataSample]): With the metainfo ``sample_idx``.
        device (torch.device | str, optional): Where the result is needed.

    Returns:
        Tensor: Long, shape (N,).

    Raises:
        ValueError: A sample has no ``sample_idx``.
    """
    indices = [sample.metainfo.get('sample_idx') for sample in data_samples]
    if None in indices:
        sample = data_samples[indices.index(None)]
        raise ValueError(
            f'{sample.metainfo.get("img_path", "a sample")} has no sample_idx: the '
            'pipeline needs PackWeakSegInputs with its own meta_keys'
        )
    result = torch.tensor(indices, dtype=torch.long)
    return result if device is None else result.to(device, non_blocking=True)
