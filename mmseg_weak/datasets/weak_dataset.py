"""What data sets of weak labels share: files, suffixes, background."""

import logging
import os
import os.path as osp
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import ClassVar

import mmengine.fileio as fileio
import numpy as np
from mmcv.transforms import LoadImageFromFile
from mmengine.utils import is_abs
from mmseg.datasets import BaseSegDataset

from ..constants import IGNORE_INDEX
from .class_resolver import ClassResolver
from .class_splits import BACKGROUND, BY_NAME, background_of, find_background
from .image_checks import check_images
from .image_files import as_suffixes, image_id, list_images
from .messages import tell
from .start_cache import cache_folder, cached_headers
from .transforms.checks import walk_transforms
from .transforms.clicks import OF_THE_DATA_SET, LoadClicks

# A cache is worth its folder from so many images, or so long a list.
MANY_IMAGES, MANY_BYTES = 20_000, 1 << 18


class WeakSegDataset(BaseSegDataset):
    """Base of data sets whose labels are no masks.

    Args:
        img_suffix (str | Sequence[str]): Ends of the names of images, in any case, such as
            ``('.jpg', '.png')``. Defaults to ``.jpg``.
        pseudo_label_dir (str, optional): Folder of label maps that networks made, see
            :class:`~mmseg_weak.datasets.pseudo_label_folder.PseudoLabelFolder`; not joined
            to ``data_root``. ``LoadPseudoLabels`` is put behind the step that loads images.
            Defaults to None.
        check_images (bool | str): Read the header of every image at the start and load one
            of each kind, to find absent, truncated and unfit ones; ``'decode'`` loads every
            image, which finds damage inside as well. Defaults to True.
        background (str | int, optional): The background class: its name or index, None when
            every class is one of things, or ``'by_name'``, the class called
            ``'background'``, if there is one. Whatever treats background apart asks the
            data set. ``metainfo=dict(background=...)`` says the same, for validation sets
            too. Defaults to ``'by_name'``.
        cache (bool, optional): Keep sizes of images and clicks in a hidden folder beside
            the list, so that the next start, and other processes of this one, only map
            them. Defaults to None: where there is much to read.
        metainfo (dict, optional): ``classes`` and so on.
        **kwargs: Arguments of ``mmseg.datasets.BaseSegDataset``.

    Raises:
        ValueError: ``background`` is no class, or contradicts a class of that name, a
            ``LoadClicks`` or the ``metainfo``.
    """

    # Whether pseudo-labels come through the pipeline.
    loads_pseudo_labels: ClassVar[bool] = True
    # Attributes with the paths of files of labels.
    file_lists: ClassVar[tuple[str, ...]] = ()

    def __init__(
        self,
        pipeline: Sequence = (),
        pseudo_label_dir: str | os.PathLike | None = None,
        background: str | int | None = BY_NAME,
        check_images: bool | str = True,
        cache: bool | None = None,
        metainfo: dict | None = None,
        test_mode: bool = False,
        **kwargs,
    ) -> None:
        as_suffixes(kwargs.get('img_suffix', '.jpg'))
        if check_images not in (True, False, 'decode'):
            raise ValueError(
                f"check_images must be True, False or 'decode', got {check_images!r}"
            )
        self.check_images, self.cache = check_images, cache
        self.pseudo_label_dir = pseudo_label_dir and os.fspath(pseudo_label_dir)
        pipeline = list(pipeline)
        if self.pseudo_label_dir and self.loads_pseudo_labels and not test_mode:
            pipeline = with_pseudo_labels(pipeline, self.pseudo_label_dir)
        metainfo = dict(metainfo or {})
        if background == BY_NAME:
            background = metainfo.get('background', BY_NAME)
        if metainfo.setdefault('background', background) != background:
            raise ValueError(
                f'background={background!r}, and metainfo says '
                f'{metainfo["background"]!r}; say it once'
            )
        super().__init__(
            pipeline=pipeline, metainfo=metainfo, test_mode=test_mode, **kwargs
        )
        if not test_mode and self.loads_pseudo_labels:
            self.data_prefix.pop('seg_map_path', None)  # no mask is ever needed

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

    def load_data_list(self) -> list[dict]:
        """As the base class, with several suffixes and without hidden files."""
        return list_samples(self)

    def _image_files(self) -> dict[str, str]:
        """File of each image below the image folder, by its id."""
        folder = self.data_prefix.get('img_path') or ''
        return list_images(folder, self.ann_file, self.img_suffix, self.backend_args)

    def _image_paths(self) -> dict[str, str]:
        """Path of each image by its id."""
        folder = self.data_prefix.get('img_path') or ''
        return {image: osp.join(folder, f) for image, f in self._image_files().items()}

    def _entries(self, paths: Mapping[str, str], samples: Iterable[dict]) -> list[dict]:
        """The list of images, from their paths by id and what else is known of each."""
        same = dict(
            background_index=self.background_index,
            label_map=self.label_map,
            reduce_zero_label=self.reduce_zero_label,
        )
        return [
            dict(img_path=path, img_id=image, seg_fields=[], **same, **sample)
            for (image, path), sample in zip(paths.items(), samples)
        ]

    def _resolver(self) -> ClassResolver:
        """Files name the original classes; ``metainfo`` may train a subset of them."""
        classes = self.METAINFO.get('classes') or self._metainfo['classes']
        return ClassResolver(classes, first_id=int(self.reduce_zero_label))

    def _image_sizes(self, paths: Sequence[str]) -> np.ndarray | None:
        """Check the images and give their (n, 2) sizes, None without ``check_images``."""
        if not self.check_images:
            return None
        loader = next(iter(self.pipeline.transforms), None)
        if not isinstance(loader, LoadImageFromFile):
            loader = None
        decode = self.check_images == 'decode'
        headers, folder = None, self._cache_folder(len(paths))
        if folder is not None:
            root = self.data_prefix.get('img_path') or '.'
            start = osp.join(self.data_prefix.get('img_path') or '', '')
            files = [path.removeprefix(start) for path in paths]
            headers = cached_headers(folder, root, files)
        return check_images(paths, loader, decode, self.backend_args, headers)

    def _cache_folder(self, images: int = 0, large: bool = False) -> Path | None:
        """Where sizes and clicks are kept, None where all is read at each start.

        Args:
            images (int): How many images there are, as far as is known.
            large (bool): Whether there are many clicks.
        """
        if self.cache is False or self.backend_args is not None:
            return None
        if self.ann_file and not osp.isfile(self.ann_file):
            return None  # whoever reads it says so
        large = large or images >= MANY_IMAGES
        if self.ann_file:
            large = large or osp.getsize(self.ann_file) >= MANY_BYTES
        beside = self.ann_file or self.data_prefix.get('img_path') or '.'
        return cache_folder(beside) if self.cache or large else None

    def _tell(self, text: str, level: int = logging.INFO) -> None:
        """Log something once, by the main process, and of which list it is said."""
        of_list = f'{osp.basename(self.ann_file)}: ' if self.ann_file else ''
        tell(f'{type(self).__name__}: {of_list}{text}', level)

    def _join_prefix(self) -> None:
        """Join the files to ``data_root`` as mmengine joins the other paths."""
        super()._join_prefix()
        for name in self.file_lists:
            setattr(self, name, [self._below_root(file) for file in getattr(self, name)])

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


def list_samples(dataset: BaseSegDataset) -> list[dict]:
    """Images and masks of an mmseg data set, as ``BaseSegDataset`` lists them.

    Several suffixes in any case are possible, hidden files are left out.

    Args:
        dataset (BaseSegDataset): Its paths, suffixes and ``label_map`` are used.

    Returns:
        list[dict]: Per image ``img_path``, ``label_map``, ``reduce_zero_label``,
        ``seg_fields`` and, where there is a ``seg_map_path``, the path of its mask.

    Raises:
        FileNotFoundError, ValueError: See :func:`.image_files.list_images`.
    """
    prefix = dataset.data_prefix
    folder, masks = prefix.get('img_path') or '', prefix.get('seg_map_path')
    images = list_images(folder, dataset.ann_file, dataset.img_suffix, dataset.backend_args)
    samples = []
    for image, file in images.items():
        sample = dict(
            img_path=osp.join(folder, file),
            label_map=dataset.label_map,
            reduce_zero_label=dataset.reduce_zero_label,
            seg_fields=[],
        )
        if masks is not None:
            sample['seg_map_path'] = osp.join(masks, image + dataset.seg_map_suffix)
        samples.append(sample)
    return samples


def image_of(dataset: BaseSegDataset, path: str) -> str:
    """Id of an image: its path below the folder of images, without suffix."""
    folder = dataset.data_prefix.get('img_path') or ''
    return image_id(osp.relpath(path, folder) if folder else path, dataset.img_suffix)


def relabelling(dataset: BaseSegDataset) -> np.ndarray:
    """What mmseg's ``LoadAnnotations`` makes of each id of a mask, (256,) int64."""
    table = np.arange(IGNORE_INDEX + 1)
    if dataset.label_map is not None:
        table[list(dataset.label_map)] = list(dataset.label_map.values())
    if dataset.reduce_zero_label:
        table = table[[IGNORE_INDEX, *range(IGNORE_INDEX - 1), IGNORE_INDEX]]
    return table


def with_pseudo_labels(pipeline: Sequence, folder: str) -> list:
    """Put ``LoadPseudoLabels`` behind the step that loads images.

    Args:
        pipeline (Sequence): Steps as configs or transforms.
        folder (str): ``pseudo_label_dir`` of the data set.

    Raises:
        ValueError: A step loads other pseudo-labels, or none loads images.
    """
    steps = list(pipeline)
    names = [_type_name(step) for step in steps]
    if 'LoadPseudoLabels' in names:
        step = steps[names.index('LoadPseudoLabels')]
        given = dict(step) if hasattr(step, 'get') else vars(step)
        given = given.get('pseudo_label_dir')
        if given != folder:
            raise ValueError(
                f'pseudo_label_dir={folder!r}, and the pipeline has LoadPseudoLabels with '
                f'{given!r}; take that step out of the pipeline'
            )
        return steps
    loaders = [i for i, name in enumerate(names) if name.startswith('Load')]
    if steps and not loaders:
        raise ValueError(
            f'pseudo_label_dir={folder!r}, and no step of the pipeline is called Load…: '
            'put LoadPseudoLabels behind the one that loads images'
        )
    if loaders:
        step = dict(type='LoadPseudoLabels', pseudo_label_dir=folder)
        steps.insert(loaders[0] + 1, step)
    return steps


def _type_name(step: object) -> str:
    kind = step.get('type') if hasattr(step, 'get') else type(step)
    return kind.rpartition('.')[2] if isinstance(kind, str) else kind.__name__
