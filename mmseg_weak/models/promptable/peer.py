"""A promptable model as a peer in training: it sees crops and the clicks on them."""

from collections.abc import Sequence
from functools import partial
from typing import Literal

import numpy as np
import torch
from mmseg.utils import SampleList
from scipy import ndimage
from torch import Tensor

from ..._ranges import Count, Share, check_ranges
from ...constants import IGNORE_INDEX
from .click_masks import boxes_of, class_probabilities, group_clicks
from .network import PromptableNetwork

# Longer strokes are a point in each cell of so many pixels.
CELL = 32


class PromptablePeer:
    """SAM or SAM 2, loaded when first used.

    No ``nn.Module``, so that it enters neither the ``state_dict`` nor the optimiser of the
    model that holds it, and copies of that model share it. Each crop costs one pass of the
    image encoder; label making keeps what it computed, and is cheaper for long trainings.

    Args:
        model (str): Folder of ``save_pretrained``, or hub name.
        group_distance (float): Clicks of a class with gaps up to this share of the longer
            side are one group, in [0, 1]. Defaults to 0.1.
        rest (str): Whether what lies outside all masks is ``background`` or ``unknown``.
            A crop shows objects whose click lies outside of it. Defaults to ``unknown``.
        max_points (int): Largest number of positive and of negative points of a mask.
            Defaults to 10.
        local_files_only (bool): Never download. Defaults to False.

    Raises:
        ValueError: An option is out of its range.
    """

    @check_ranges
    def __init__(
        self,
        model: str,
        group_distance: Share = 0.1,
        rest: Literal['background', 'unknown'] = 'unknown',
        max_points: Count = 10,
        local_files_only: bool = False,
    ) -> None:
        self.model, self.local_files_only = model, local_files_only
        self.group_distance, self.max_points = group_distance, max_points
        self.rest = rest
        self._network: PromptableNetwork | None = None

    def __deepcopy__(self, memo: dict) -> 'PromptablePeer':
        return self

    def __getstate__(self) -> dict:
        return dict(self.__dict__, _network=None)

    def network(self, device: torch.device | str) -> PromptableNetwork:
        """The model on a device.

        Raises:
            FileNotFoundError, ValueError: As :meth:`PromptableNetwork.from_pretrained`.
        """
        if self._network is None:
            self._network = PromptableNetwork.from_pretrained(
                self.model, self.local_files_only
            )
        return self._network.to(device)

    def probabilities(
        self,
        images: Tensor,
        labels: Tensor,
        data_samples: SampleList,
        sizes: Tensor,
        num_classes: int,
        background: int | None = 0,
        peers: Tensor | None = None,
    ) -> Tensor:
        """What the masks of the clicks say.

        Args:
            images (Tensor): RGB in [0, 1], shape (N, 3, H, W).
            labels (Tensor): Clicks drawn on the images, shape (N, H, W), 255 elsewhere.
            data_samples (list[SegDataSample]): With or without ``gt_exclusions`` and boxes.
            sizes (Tensor): Height and width before padding, shape (N, 2).
            num_classes (int): C.
            background (int, optional): Index of background. Defaults to 0.
            peers (Tensor, optional): What other networks say, shape (N, C, H, W), that
                masks are chosen by.

        Returns:
            Tensor: Shape (N, C, H, W), no gradient; all classes alike in the padding, and
            where no object was clicked.
        """
        shape = (len(images), num_classes, *images.shape[2:])
        probs = images.new_full(shape, 1 / num_classes, dtype=torch.float32)
        network = self.network(images.device)
        for i, (height, width) in enumerate(sizes.tolist()):
            xy, classes = click_points(labels[i, :height, :width].cpu().numpy())
            excluded = data_samples[i].get('gt_exclusions')
            groups = group_clicks(
                xy,
                classes,
                self.group_distance * max(height, width),
                background,
                None if excluded is None else excluded.cpu().numpy(),
                boxes_of(data_samples[i].metainfo),
            )
            crop = images[i : i + 1, :, :height, :width]
            if groups:
                probs[i, :, :height, :width] = class_probabilities(
                    network,
                    partial(network.embed, crop),
                    (height, width),
                    groups,
                    num_classes,
                    background if self.rest == 'background' else None,
                    self.max_points,
                    peers=None if peers is None else peers[i, :, :height, :width],
                )[0]
        return probs


def click_points(labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Points of clicks and strokes that are drawn as discs and lines.

    Labels are read, not the clicks of the sample, because they alone follow an image that
    was mixed with another.

    Args:
        labels (np.ndarray): Shape (H, W), 255 where there is nothing.

    Returns:
        tuple: Column and row of points, shape (m, 2), the labelled pixel nearest to the
        centre of each disc, or of each piece of a stroke; and their classes, shape (m,).
    """
    xy: list[Sequence[int]] = []
    classes: list[int] = []
    for label in np.unique(labels[labels != IGNORE_INDEX]):
        parts, count = ndimage.label(labels == label, structure=np.ones((3, 3)))
        for part in range(1, count + 1):
            pixels = np.argwhere(parts == part)
            cells = (pixels - pixels.min(axis=0)) // CELL  # of its own: discs stay whole
            for cell in np.unique(cells, axis=0):
                own = pixels[(cells == cell).all(axis=1)]
                nearest = ((own - own.mean(axis=0)) ** 2).sum(axis=1).argmin()
                xy.append(own[nearest][::-1])
                classes.append(int(label))
    return np.array(xy, np.int64).reshape(-1, 2), np.array(classes, np.int64)
