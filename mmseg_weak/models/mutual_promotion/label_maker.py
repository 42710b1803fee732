"""Labels of the classification branch, made on the classes that are present."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from ...constants import IGNORE_INDEX
from ...refinement import (
    PixelAdaptiveRefinement,
    SharedAffinity,
    background_aware_label,
    par_label,
)


@dataclass(frozen=True)
class LabelOptions:
    """How labels are made from CAMs.

    Attributes:
        scales (Sequence[float]): Factors > 0 of the multi-scale pass.
        low, high (float): Background thresholds of the PAR label, low <= high.
        propagation_threshold (float): Least score of background-aware propagation.
        dilations (Sequence[int]): Neighbourhood of the refinement, in pixels of the
            half-sized image.
        num_iters (int): Iterations of the refinement, >= 0.

    Raises:
        ValueError: An option is out of its range.
    """

    scales: Sequence[float] = (1.0, 0.5, 1.5)
    low: float = 0.35
    high: float = 0.55
    propagation_threshold: float = 0.5
    dilations: Sequence[int] = (1, 2, 4, 8, 12, 24)
    num_iters: int = 10
    refine: PixelAdaptiveRefinement = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if not self.scales or not all(0 < s < float('inf') for s in self.scales):
            raise ValueError(f'LabelOptions: scales must be numbers > 0, got {self.scales}')
        if not 0 <= self.low <= self.high <= 1:
            raise ValueError(
                f'LabelOptions: 0 <= low <= high <= 1 needed, got {self.low}, {self.high}'
            )
        refine = PixelAdaptiveRefinement(self.dilations, self.num_iters)
        object.__setattr__(self, 'refine', refine)


@dataclass(frozen=True)
class PresentClasses:
    """The classes of each image side by side, so that work follows the tags.

    Attributes:
        classes (Tensor): Class indices without background, long, shape (N, K), K >= 1; on
            the device.
        present (Tensor): Which of them are in the image, bool, shape (N, K), on the CPU.
    """

    classes: Tensor
    present: Tensor

    @classmethod
    def from_tags(cls, tags: Tensor, device: torch.device | str) -> 'PresentClasses':
        """Pack tags (N, C) that lie in host memory; nothing waits for the device."""
        present = tags > 0
        most = int(present.sum(dim=1).max()) if present.numel() else 0
        order = torch.argsort(~present, dim=1, stable=True)[:, : max(1, most)]
        classes = order.to(device, non_blocking=True)
        return cls(classes, present.gather(1, order))

    def unpack(self, labels: Tensor) -> Tensor:
        """Labels 0..K and 255 of the packed classes to 0..C and 255, shape (N, H, W)."""
        n = len(labels)
        background = self.classes.new_zeros(n, 1)
        unknown = self.classes.new_full((n, 1), IGNORE_INDEX)
        table = torch.cat([background, self.classes + 1, unknown], dim=1)
        index = labels.clamp(max=table.shape[1] - 1)
        return table.gather(1, index.flatten(1)).view_as(labels)


@torch.no_grad()
def make_cam_labels(
    images: Tensor,
    cams: Tensor,
    background: Tensor | None,
    classes: PresentClasses,
    boxes: Tensor,
    options: LabelOptions,
    with_par: bool = True,
) -> tuple[Tensor | None, Tensor | None]:
    """Steps 4 and 5 of an iteration of BMP on one affinity per image.

    Args:
        images (Tensor): RGB in [0, 1], shape (N, 3, H, W).
        cams (Tensor): CAMs of the packed classes, shape (N, K, H, W).
        background (Tensor, optional): Background score, (N, H, W); None leaves
            background-aware propagation out.
        classes (PresentClasses): The packed classes.
        boxes (Tensor): Valid areas, shape (N, 4), on the CPU.
        options (LabelOptions): How.
        with_par (bool): Make the PAR label. Defaults to True.

    Returns:
        tuple: PAR label and propagated label, each (N, H, W) long or None.
    """
    refine = SharedAffinity(options.refine, covers_image(boxes, images.shape[2:]))
    par = propagated = None
    if with_par:
        par = par_label(
            images, cams, classes.present, boxes, refine, options.low, options.high
        )
        par = classes.unpack(par)
    if background is not None:
        _, propagated = background_aware_label(
            images,
            background,
            cams,
            classes.present,
            boxes,
            refine,
            options.propagation_threshold,
        )
        propagated = classes.unpack(propagated)
    return par, propagated


def valid_boxes(metas: Sequence[dict], size: tuple[int, int]) -> Tensor:
    """Boxes of the unpadded areas, from what the preprocessor notes.

    Args:
        metas (Sequence[dict]): Meta information with ``padding_size`` (left, right, top,
            bottom), or ``img_shape`` of an image in the top-left corner, or neither.
        size (tuple[int, int]): Height H and width W of the padded batch.

    Returns:
        Tensor: y0, y1, x0, x1, ends exclusive, shape (N, 4), long, on the CPU.
    """
    height, width = size
    boxes = []
    for meta in metas:
        if meta.get('padding_size') is not None:
            left, right, top, bottom = (int(n) for n in meta['padding_size'])
            boxes.append([top, max(top, height - bottom), left, max(left, width - right)])
        else:
            rows, columns = meta.get('img_shape', size)[:2]
            boxes.append([0, min(rows, height), 0, min(columns, width)])
    return torch.tensor(boxes, dtype=torch.long).view(len(boxes), 4)


def covers_image(boxes: Tensor, size: tuple[int, int]) -> list[bool]:
    """Which images have no padding; boxes (N, 4) in host memory."""
    whole = torch.tensor([0, size[0], 0, size[1]])
    return (boxes == whole).all(dim=1).tolist()
