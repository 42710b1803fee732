"""Class activation maps and segmentation scores become labels.

Steps 4 and 5 of an iteration of BMP (Zhu et al., TNNLS 2025, `arXiv:2308.04949
<https://arxiv.org/abs/2308.04949>`_); the first is that of AFA (`arXiv:2203.02664
<https://arxiv.org/abs/2203.02664>`_). All is batched: images of a batch may differ in
their classes and in their valid boxes, and nothing waits for the device.
"""

import math
from collections.abc import Callable, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from ..constants import IGNORE_INDEX
from .interface import refine_scores
from .pixel_adaptive import PixelAdaptiveRefinement
from .valid_box import box_sizes, crop_resize, inside_boxes, paste_resize


@torch.no_grad()
def par_label(
    images: Tensor,
    cams: Tensor,
    tags: Tensor,
    boxes: Tensor,
    refine: Callable[[Tensor, Tensor], Tensor],
    low: float = 0.35,
    high: float = 0.55,
    max_classes: int | None = None,
) -> Tensor:
    """Labels from CAMs that two background thresholds agree on.

    For each threshold, background and the CAMs of the present classes go at half
    resolution through a softmax and ``refine``, back to full resolution and through
    an argmax. The label is a class where the high threshold says class, 0 where even
    the low one says background, else 255. Both thresholds share one affinity.

    Args:
        images (Tensor): RGB in [0, 1], shape (N, 3, H, W).
        cams (Tensor): Normalised CAMs in [0, 1], shape (N, C, H, W), no background.
        tags (Tensor): Shape (N, C), positive where a class is in the image.
        boxes (Tensor): Valid (unpadded) area, shape (N, 4) as y0, y1, x0, x1 in
            pixels, ends exclusive. An empty box gives an image of 255 only.
        refine (Callable): ``(images, masks) -> masks``, such as
            :class:`PixelAdaptiveRefinement`.
        low (float): Background score that yields many classes. Defaults to 0.35.
        high (float): Background score that yields few classes. Defaults to 0.55.
        max_classes (int, optional): Bound on the classes of one image. It makes the
            work follow the tags instead of C. Tags in host memory give it for free;
            on a device None means C, because counting would wait for the device.

    Returns:
        Tensor: Labels, shape (N, H, W), int64: class + 1, 0 background, 255 unknown
        or outside the box.

    Raises:
        ValueError: Shapes do not fit each other, ``low`` > ``high``, or
            ``max_classes`` is too small for tags in host memory.
    """
    _check_shapes(images, tags, boxes, cams=cams)
    if low > high:
        raise ValueError(f'low ({low}) must not exceed high ({high})')
    size = images.shape[-2:]
    half = tuple(max(1, n // 2) for n in size)
    classes, present = _present_classes(tags, max_classes, cams.device)
    small_cams = _resize(_take(cams, classes).float(), half)
    scores = []
    for threshold in (high, low):
        background = torch.full_like(small_cams[:, :1], threshold)
        logits = torch.cat([background, small_cams], dim=1)
        logits = logits.masked_fill(~_with_background(present), float('-inf'))
        scores.append(logits.softmax(dim=1))
    refined = refine(_resize(images.float(), half), torch.cat(scores, dim=1))
    refined_high, refined_low = _resize(refined.float(), size).chunk(2, dim=1)

    # max, because argmax over channels is eight times slower on the CPU.
    label_high = _to_labels(refined_high.max(dim=1).indices, classes)
    background = (label_high == 0) & (refined_low.max(dim=1).indices == 0)
    labels = label_high.masked_fill(label_high == 0, IGNORE_INDEX)
    labels = labels.masked_fill(background, 0)
    return labels.masked_fill(~inside_boxes(boxes, size, labels.device), IGNORE_INDEX)


@torch.no_grad()
def background_aware_label(
    images: Tensor,
    background: Tensor,
    cams: Tensor,
    tags: Tensor,
    boxes: Tensor,
    refine: Callable[..., Tensor],
    threshold: float = 0.5,
    max_classes: int | None = None,
) -> tuple[Tensor, Tensor]:
    """Labels from CAMs and the segmentation branch's background (BSP of BMP).

    Background and the CAMs of the present classes, cropped to the valid box, are
    refined at half its size without a softmax, and pasted back. The argmax is the
    label, 255 where the score is below ``threshold``.

    Args:
        images (Tensor): RGB in [0, 1], shape (N, 3, H, W).
        background (Tensor): Normalised background score in [0, 1], shape (N, H, W).
        cams (Tensor): Normalised CAMs in [0, 1], shape (N, C, H, W), no background.
        tags (Tensor): Shape (N, C), positive where a class is in the image.
        boxes (Tensor): Valid (unpadded) area, shape (N, 4) as y0, y1, x0, x1 in
            pixels, ends exclusive. An empty box gives an image of 255 only.
        refine (Callable): ``(images, masks, sizes) -> masks`` that replicates the
            border of each valid area, as :class:`PixelAdaptiveRefinement` does. One of
            images and masks only is called image by image.
        threshold (float): Smallest refined score of a label, in [0, 1.01^iterations]
            (the refinement's gain). Defaults to 0.5.
        max_classes (int, optional): See :func:`par_label`.

    Returns:
        tuple[Tensor, Tensor]: Refined scores, shape (N, C + 1, H, W) float32, 0 for
        absent classes and outside the box; labels, shape (N, H, W) int64: class + 1,
        0 background, 255 unknown.

    Raises:
        ValueError: Shapes do not fit each other, or ``max_classes`` is too small for
            tags in host memory.
    """
    _check_shapes(images, tags, boxes, background=background[:, None], cams=cams)
    size, device = images.shape[-2:], cams.device
    half = tuple(max(1, n // 2) for n in size)
    classes, present = _present_classes(tags, max_classes, device)
    masks = torch.cat([background[:, None], _take(cams, classes)], dim=1).float()
    boxes = torch.as_tensor(boxes).long().to(device, non_blocking=True)
    sizes = (box_sizes(boxes) // 2).clamp(min=1)
    refined = refine_scores(
        refine,
        crop_resize(images.float(), boxes, sizes, half),
        # Corners aligned, as when the published module resizes full-size masks itself.
        crop_resize(masks, boxes, sizes, half, align_corners=True),
        sizes,
    )
    refined = paste_resize(refined.float(), boxes, sizes, size)
    # Absent classes must be 0 exactly; where() also drops values that are not finite.
    keep = _with_background(present) & inside_boxes(boxes, size, device)[:, None]
    refined = torch.where(keep, refined, 0.0)

    channels = F.pad(classes + 1, (1, 0))[:, :, None, None].expand_as(refined)
    scores = refined.new_zeros(len(cams), cams.shape[1] + 1, *size)
    scores.scatter_(1, channels, refined)
    best, channel = refined.max(dim=1)
    labels = _to_labels(channel, classes)
    return scores, labels.masked_fill(best < threshold, IGNORE_INDEX)


@torch.no_grad()
def segmentation_label(
    seg_logits: Tensor,
    boxes: Tensor,
    threshold: float = 0.75,
    threshold_on_probability: bool = False,
    with_background: bool = False,
) -> Tensor:
    """Labels of the segmentation branch where it is confident (Y_s of BMP).

    Args:
        seg_logits (Tensor): Shape (N, C + 1, H, W), channel 0 is background.
        boxes (Tensor): Valid (unpadded) area, shape (N, 4) as y0, y1, x0, x1 in
            pixels, ends exclusive.
        threshold (float): Smallest value of the largest logit, as in the published
            code. Defaults to 0.75.
        threshold_on_probability (bool): Compare the sigmoid of the logit instead (the
            branch learns from per-class binary cross-entropy); ``threshold`` is then
            in (0, 1). Defaults to False.
        with_background (bool): Keep background as label 0 instead of 255.
            Defaults to False.

    Returns:
        Tensor: Labels, shape (N, H, W), int64: argmax of the logits, or 255 outside
        the box, where not confident and, by default, on background.

    Raises:
        ValueError: ``threshold`` is no probability although it should be.
    """
    if threshold_on_probability:
        if not 0 < threshold < 1:
            raise ValueError(f'threshold must be a probability, got {threshold}')
        threshold = math.log(threshold / (1 - threshold))
    confidence, labels = seg_logits.max(dim=1)
    keep = inside_boxes(boxes, seg_logits.shape[-2:], seg_logits.device)
    keep &= confidence >= threshold
    if not with_background:
        keep &= labels > 0
    return labels.masked_fill(~keep, IGNORE_INDEX)


def _check_shapes(images: Tensor, tags: Tensor, boxes: Tensor, **maps: Tensor) -> None:
    n, _, h, w = images.shape
    for name, value in maps.items():
        if len(value) != n or value.shape[-2:] != images.shape[-2:]:
            raise ValueError(
                f'{name} must cover {n} images of {h}x{w}, got {tuple(value.shape)}'
            )
    expected = (n, maps['cams'].shape[1])
    if tuple(tags.shape) != expected:
        raise ValueError(f'tags must be {expected}, got {tuple(tags.shape)}')
    if tuple(torch.as_tensor(boxes).shape) != (n, 4):
        raise ValueError(
            f'boxes must be ({n}, 4) as y0, y1, x0, x1, got '
            f'{tuple(torch.as_tensor(boxes).shape)}'
        )


def _present_classes(
    tags: Tensor, max_classes: int | None, device: torch.device
) -> tuple[Tensor, Tensor]:
    """Indices (N, K) of each image's classes in order, and which of them are real."""
    present = tags > 0
    if tags.device.type == 'cpu':
        needed = int(present.sum(dim=1).max()) if present.numel() else 0
        if max_classes is not None and max_classes < needed:
            raise ValueError(f'max_classes={max_classes} but an image has {needed} classes')
        max_classes = max(1, needed)  # interpolation refuses maps without channels
    order = torch.argsort(~present, dim=1, stable=True)[:, :max_classes]
    present = present.gather(1, order)
    return order.to(device, non_blocking=True), present.to(device, non_blocking=True)


def _take(cams: Tensor, classes: Tensor) -> Tensor:
    index = classes[:, :, None, None].expand(-1, -1, *cams.shape[-2:])
    return cams.gather(1, index)


def _with_background(present: Tensor) -> Tensor:
    return F.pad(present, (1, 0), value=True)[:, :, None, None]


def _to_labels(channels: Tensor, classes: Tensor) -> Tensor:
    """Channel of background + present classes to label, (N, H, W)."""
    labels = F.pad(classes + 1, (1, 0))
    return labels.gather(1, channels.flatten(1)).view_as(channels)


def _resize(maps: Tensor, size: tuple[int, int]) -> Tensor:
    return F.interpolate(maps, size=size, mode='bilinear', align_corners=False)


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
