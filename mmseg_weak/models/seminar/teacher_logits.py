"""What is known of an image, brought into the teacher's logits."""

import math

import torch
import torch.nn.functional as F
from mmseg.utils import SampleList
from torch import Tensor

from ...refinement import PixelAdaptiveRefinement


def image_class_mask(
    data_samples: SampleList, num_classes: int, background: int | None = 0
) -> Tensor:
    """Classes that may occur in each image: background and every clicked class.

    Args:
        data_samples (list[SegDataSample]): Their metainfo ``image_classes`` lists the
            foreground labels of all clicks of the whole image, whatever the crop shows.
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
    return mask


def restrict_logits(logits: Tensor, image_classes: Tensor) -> Tensor:
    """Exclude the classes an image cannot hold; softmax renormalises the others.

    Args:
        logits (Tensor): Shape (N, C, H, W).
        image_classes (Tensor): Bool, shape (N, C).

    Returns:
        Tensor: Shape (N, C, H, W), ``-inf`` where excluded.
    """
    absent = ~image_classes.to(logits.device)
    return logits.masked_fill(absent[:, :, None, None], -math.inf)


def restrict_foreground(
    logits: Tensor, image_classes: Tensor, background: int = 0
) -> Tensor:
    """Give the whole foreground probability to the classes an image holds.

    Plain renormalisation hands the probability of an excluded class to the others in
    proportion, most of it to background: a dog taken for half a cat becomes background.
    Here the background probability stays, and the rest is shared by the foreground
    classes of the image.

    Args:
        logits (Tensor): Shape (N, C, H, W).
        image_classes (Tensor): Bool, shape (N, C). An image without any foreground class
            is only restricted to background.
        background (int): Index of the background class. Defaults to 0.

    Returns:
        Tensor: Shape (N, C, H, W), ``-inf`` where excluded.
    """
    restricted = restrict_logits(logits, image_classes)
    foreground = [c for c in range(logits.shape[1]) if c != background]
    everything = logits[:, foreground].logsumexp(dim=1, keepdim=True)
    remaining = restricted[:, foreground].logsumexp(dim=1, keepdim=True)
    shift = torch.where(remaining.isfinite(), everything - remaining, 0)
    shift = shift.expand_as(logits).clone()
    shift[:, background] = 0
    return restricted + shift


def scale_class_prior(logits: Tensor, prior: float, class_index: int = 0) -> Tensor:
    """Multiply a class's probability by ``prior`` before renormalisation.

    Args:
        logits (Tensor): Shape (N, C, H, W).
        prior (float): Factor > 0 of the class's odds; 1 changes nothing.
        class_index (int): The class. Defaults to 0, background.

    Returns:
        Tensor: Shape (N, C, H, W).
    """
    if prior == 1:
        return logits
    offset = logits.new_zeros(logits.shape[1])
    offset[class_index] = math.log(prior)
    return logits + offset[None, :, None, None]


def refine_logits(
    logits: Tensor, images: Tensor, refine: PixelAdaptiveRefinement
) -> Tensor:
    """Let the teacher's probabilities follow the colours of the image.

    Done at the resolution of the logits, where it costs little.

    Args:
        logits (Tensor): Shape (N, C, h, w), ``-inf`` where a class is excluded.
        images (Tensor): Shape (N, 3, H, W). Normalised images do as well as ones in
            [0, 1]: the affinity measures colour in standard deviations per channel.
        refine (PixelAdaptiveRefinement): The refinement.

    Returns:
        Tensor: Logits of the refined probabilities; excluded classes stay excluded.
    """
    small = F.adaptive_avg_pool2d(images, logits.shape[2:])
    return refine(small, logits.softmax(dim=1)).log()


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
