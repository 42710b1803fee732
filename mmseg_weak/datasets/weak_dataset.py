"""What data sets of weak labels share: files, suffixes, background."""

import mmengine.fileio as fileio
from mmengine.utils import is_abs
from mmseg.datasets import BaseSegDataset

from .class_lists import BY_NAME, background_of, find_background
from .class_splits import BACKGROUND
from .transforms.checks import walk_transforms
from .transforms.clicks import OF_THE_DATA_SET, LoadClicks


class WeakSegDataset(BaseSegDataset):
    """Base of data sets whose labels are no masks.

    Args:
        background (str | int, optional): The background class: its name or index, None when
            every class is one of things, or ``'by_name'``, the class called
            ``'background'``, if there is one. Whatever treats background apart asks the
            data set. ``metainfo=dict(background=...)`` says the same, for validation sets
            too. Defaults to ``'by_name'``.
        metainfo (dict, optional): ``classes`` and so on.
        **kwargs: Arguments of ``mmseg.datasets.BaseSegDataset``.

    Raises:
        ValueError: ``background`` is no class, or contradicts a class of that name, a
            ``LoadClicks`` or the ``metainfo``.
    """

    def __init__(
        self,
        background: str | int | None = BY_NAME,
        metainfo: dict | None = None,
        **kwargs,
    ) -> None:
        metainfo = dict(metainfo or {})
        if background == BY_NAME:
            background = metainfo.get('background', BY_NAME)
        if metainfo.setdefault('background', background) != background:
            raise ValueError(
                f'background={background!r}, and metainfo says '
                f'{metainfo["background"]!r}; say it once'
            )
        super().__init__(metainfo=metainfo, **kwargs)

    @classmethod
    def _load_metainfo(cls, metainfo: dict | None = None) -> dict:
        """As the base class, which would take a name for a file; background as an index."""
        metainfo = dict(metainfo or {})
        background = metainfo.pop('background', BY_NAME)
        loaded = super()._load_metainfo(metainfo)
        if background != BY_NAME:
            classes = loaded.get('classes') or ()
            loaded['background'] = find_background(classes, background)
        return loaded

    @property
    def background_index(self) -> int | None:
        """Index of the background class, None if there is none."""
        return background_of(self._metainfo)

    def _below_root(self, path: str) -> str:
        if is_abs(path) or not self.data_root:
            return path
        return fileio.join_path(self.data_root, path)

    def _settle_background(self) -> None:
        """Let ``LoadClicks`` and data set mean one class.

        Raises:
            ValueError: They differ.
        """
        for transform in walk_transforms(self.pipeline.transforms):
            index = getattr(transform, 'background_index', OF_THE_DATA_SET)
            if not isinstance(transform, LoadClicks) or index == OF_THE_DATA_SET:
                continue
            names = {*self._metainfo['classes'], *(self.METAINFO.get('classes') or ())}
            if 'background' not in self._metainfo and BACKGROUND not in names:
                # Nobody else says it: an option of earlier versions.
                self._metainfo['background'] = find_background(
                    self._metainfo['classes'], index
                )
            right = self.background_index
            if index != right:
                raise ValueError(
                    f'LoadClicks has background_index={index}, and of the classes '
                    f'{", ".join(self._metainfo["classes"])} background is '
                    f'{"none" if right is None else right}: leave it out (the data set '
                    f'tells), or use dict(type="LoadClicks", background_index={right})'
                )
