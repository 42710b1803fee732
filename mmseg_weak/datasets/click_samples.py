"""Entries of a click data set, each made when it is asked for."""

import os.path as osp
from collections.abc import Sequence

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
        **common: What all entries have, ``background_index`` among it.
    """

    def __init__(
        self, clicks: ClickSet, folder: str, backend_args: dict | None, **common
    ) -> None:
        self.clicks, self.folder, self.common = clicks, folder, common
        self.backend_args = backend_args
        self.rows: Sequence[int] = range(len(clicks))

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, index):
        """The entry of an image, or the entries of a slice as such a sequence."""
        if isinstance(index, slice):
            part = ClickSamples(self.clicks, self.folder, self.backend_args, **self.common)
            part.rows = self.rows[index]
            return part
        row = self.rows[index]
        path = osp.join(self.folder, self.clicks.files[row])
        background = self.common['background_index']
        return dict(
            img_path=path,
            img_id=self.clicks.ids[row],
            **sample_marks(self.clicks, row, background, self._size(path)),
            **self.common,
            seg_fields=[],
        )

    def _size(self, path: str) -> np.ndarray | None:
        """What positions of an image are fractions of."""
        if not self.clicks.fractions:
            return None
        return image_sizes([path], self.backend_args)[0]
