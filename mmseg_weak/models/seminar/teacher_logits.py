"""What is known of an image, brought into the teacher's logits."""

import torch
import torch.nn.functional as F
from mmseg.utils import SampleList
from torch import Tensor

from ...refinement.interface import Refinement, refine_scores
from ..losses.image_loss import clicks_of_cells


def image_class_mask(
    data_samples: SampleList, num_classes: int, background: int | None = 0
) -> Tensor:
    """Classes that may occur in each image: background and every clicked class.

    Args:
        data_samples (list[SegDataSample]): Their metainfo ``image_classes`` lists the
            foreground labels of all clicks of the whole image, whatever the crop shows;
            ``known_classes``, where it is there and not None, those that its annotator
            looked for: any other may be in the image.
        num_classes (int): Number of classes C.
        background (int, optional): A class that every image may hold. Defaults to 0.

    Returns:
        Tensor: Bool on the CPU, shape (N, C). An image without a foreground click may hold
        every class: annotators pass over objects, and nothing is known about it.

    Raises:
        ValueError: A sample has no ``image_classes``.
    """
    mask = torch.zeros(len(data_samples), num_classes, dtype=torch.bool)
    for row, sample in zip(mask, data_samples):
        if 'image_classes' not in sample.metainfo:
            raise ValueError(
                f'{sample.metainfo.get("img_path", "a sample")} has no image_classes: the '
                'pipeline needs LoadClicks and PackWeakSegInputs'
            )
        classes = list(sample.metainfo['image_classes'])
        row[classes] = True
        if not classes:
            row[:] = True
        elif background is not None:
            row[background] = True
        known = sample.metainfo.get('known_classes')
        if known is not None:
            row[[c for c in range(num_classes) if c not in known]] = True
    return mask


def refine_logits(
    logits: Tensor, images: Tensor, refine: Refinement, clicks: Tensor | None = None
) -> Tensor:
    """Let the teacher's probabilities follow the boundaries of the image.

    Done at the resolution of the logits, where it costs little.

    Args:
        logits (Tensor): Shape (N, C, h, w), ``-inf`` where a class is excluded.
        images (Tensor): RGB in [0, 1], shape (N, 3, H, W).
        refine (Callable): The refinement.
        clicks (Tensor, optional): Click labels, shape (N, H, W), 255 elsewhere, for
            refinements that need them. Defaults to None.

    Returns:
        Tensor: Logits of the refined probabilities; excluded classes stay excluded.
    """
    size = tuple(logits.shape[2:])
    small = F.adaptive_avg_pool2d(images, size)
    if clicks is not None:
        clicks = clicks_of_cells(clicks, images, size)
    return refine_scores(refine, small, logits.softmax(dim=1), clicks=clicks).log()


def unlabelled_mask(
    labels: Tensor, data_samples: SampleList, size: tuple[int, int], ignore_index: int = 255
) -> Tensor:
    """Valid pixels without a label, at the resolution of the logits.

    Args:
        labels (Tensor): Click labels, shape (N, H, W).
        data_samples (list[SegDataSample]): Their ``img_shape`` is the size before padding
            at the right and the bottom.
        size (tuple[int, int]): Height h and width w of the logits.
        ignore_index (int): Value of unlabelled pixels. Defaults to 255.

    Returns:
        Tensor: Bool, shape (N, h, w): cells that hold neither a click nor padding.
    """
    taken = labels != ignore_index
    for row, sample in zip(taken, data_samples):
        height, width = sample.metainfo.get('img_shape', labels.shape[1:])[:2]
        row[height:] = True
        row[:, width:] = True
    if size != labels.shape[1:]:
        taken = F.adaptive_max_pool2d(taken[:, None].float(), size)[:, 0] > 0
    return ~taken
