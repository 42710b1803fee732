"""Entries of a click data set, each made when it is asked for."""

import copy
import os.path as osp
from collections.abc import Mapping, Sequence

import numpy as np

from .click_marks import sample_marks
from .click_set import ClickSet
from .image_checks import image_sizes


class ClickSamples(Sequence):
    """What the images of a click data set bring into the pipeline.

    Args:
        clicks (ClickSet): Their clicks.
        folder (str): Image folder.
        backend_args (dict, optional): mmengine file backend.
        boxes (Mapping): What images have of :func:`.box_files.read_boxes`, by their ids.
        **common: What all entries have, ``background_index`` among it.
    """

    def __init__(
        self,
        clicks: ClickSet,
        folder: str,
        backend_args: dict | None,
        boxes: Mapping[str, dict],
        **common,
    ) -> None:
        self.clicks, self.folder, self.common = clicks, folder, common
        self.backend_args, self.boxes = backend_args, boxes
        self.rows: Sequence[int] = range(len(clicks))

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, index):
        """The entry of an image, or the entries of a slice as such a sequence."""
        if isinstance(index, slice):
            part = copy.copy(self)
            part.rows = self.rows[index]
            return part
        row = self.rows[index]
        path = osp.join(self.folder, self.clicks.files[row])
        background = self.common['background_index']
        return dict(
            img_path=path,
            img_id=self.clicks.ids[row],
            **sample_marks(self.clicks, row, background, self._size(path)),
            **self.boxes.get(self.clicks.ids[row], {}),
            **self.common,
            seg_fields=[],
        )

    def _size(self, path: str) -> np.ndarray | None:
        """What positions of an image are fractions of."""
        if not self.clicks.fractions:
            return None
        return image_sizes([path], self.backend_args)[0]
