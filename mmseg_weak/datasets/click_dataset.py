"""Data sets of images with clicked pixels instead of masks."""

import logging
import os
import os.path as osp
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from mmseg.datasets import PascalVOCDataset
from mmseg.registry import DATASETS

from .box_files import read_boxes
from .class_splits import BACKGROUND, check_class_list
from .click_budget import ClickBudget
from .click_marks import MarksOfTable
from .click_preparation import Marks, Preparation
from .click_report import format_report, unclicked_classes
from .click_samples import ClickSamples
from .click_set import ClickSet
from .click_sources import DECLARED, ClickSources, Vocabulary
from .click_store import ClickStore
from .click_table import ClickTable
from .formats import ReadOptions
from .image_files import Files, as_list
from .start_cache import cached_set, digest, file_stamp, is_large
from .transforms.checks import check_click_pipeline
from .transforms.pseudo_labels import check_pseudo_labels
from .weak_dataset import MANY_IMAGES, WeakSegDataset, relabelling

# Ids, files and sizes of images.
Listed = tuple[list[str], list[str], np.ndarray | None]


@DATASETS.register_module()
class ClickDataset(WeakSegDataset):
    """Images of a folder with clicked pixels as their only labels.

    In training no path to a mask exists in the data, whatever ``data_prefix`` says.
    With ``test_mode=True`` it is a plain ``BaseSegDataset`` with masks and no clicks.

    An image id is the path below ``data_prefix['img_path']`` without ``img_suffix``;
    click files and the split list may write it with or without the suffix.

    Coordinates are continuous: pixel column ``i`` covers ``[i, i + 1)``, a click is
    inside its image when ``0 <= x < width``. They refer to the image as mmcv loads it
    (upright after EXIF orientation).

    Classes come from ``metainfo=dict(classes=...)``. ``'background'`` is a class like
    any other; its clicks come from ``click_file`` or from ``background_click_file``.

    Limits apply in this order: clicks of images or classes not trained and clicks
    outside their image are dropped, then ``max_rank``, ``clicks_per_class``,
    ``image_fraction`` and ``click_fraction``.

    Args:
        click_file (str | os.PathLike | Sequence): File(s) or folder(s) with clicks in any
            format of :mod:`mmseg_weak.datasets.formats`, told by its content. Needed
            unless ``test_mode``.
        background_click_file (str | os.PathLike | Sequence, optional): File(s) with
            background clicks only; their entries need no class. Defaults to None.
        max_rank (int, optional): Keep an annotator's first ``max_rank`` clicks on a
            class (What's the Point: 1 gives "1Point"). Clicks without a rank stay.
        clicks_per_class (int, optional): Most clicks of one class in one image.
        image_fraction (float): Share of the clicked images that keep their clicks,
            in (0, 1]; the others stay as unlabelled images. Defaults to 1.0.
        click_fraction (float): Share of all clicks that are kept, in (0, 1], drawn
            over the whole set. Defaults to 1.0.
        seed (int): Seed of the two draws. They are the same in every process, and a
            smaller fraction is part of a larger one. Defaults to 0.
        drop_unclicked (bool): Leave out images without a click. Defaults to False.
        click_options (dict, optional): What is to be said about the files, such as
            ``dict(class_key='label')``, see
            :class:`~mmseg_weak.datasets.formats.ReadOptions`.
        vocabulary (Sequence[str] | str, optional): The classes that the annotators looked
            for, where not all, see :class:`~.click_sources.ClickSources`: a background
            click then only says that none of these is there. Defaults to None: all.
        box_file (str | os.PathLike, optional): Boxes of objects, prompts of promptable
            models: ``instances_*.json`` of COCO, or a folder of VOC's XML files. Defaults
            to None.
        **kwargs: ``img_suffix``, ``pseudo_label_dir``, ``check_images`` (also finds clicks
            outside) and ``background`` of :class:`~.weak_dataset.WeakSegDataset`, and
            arguments of ``mmseg.datasets.BaseSegDataset``.

    Raises:
        FileNotFoundError: Click file, split list, image folder or image is absent.
        ValueError: An option is out of range, a file is malformed, the split list is
            empty or no image has a click.
    """

    file_lists = ('click_files', 'background_click_files', 'box_files')

    def __init__(
        self,
        click_file: Files | None = None,
        background_click_file: Files | None = None,
        max_rank: int | None = None,
        clicks_per_class: int | None = None,
        image_fraction: float = 1.0,
        click_fraction: float = 1.0,
        seed: int = 0,
        drop_unclicked: bool = False,
        click_options: dict | None = None,
        vocabulary: Vocabulary = None,
        box_file: str | os.PathLike | None = None,
        test_mode: bool = False,
        **kwargs,
    ) -> None:
        self.click_files = as_list(click_file)
        if not test_mode and not self.click_files:
            raise ValueError(f'{type(self).__name__} needs click_file to train')
        self.background_click_files = as_list(background_click_file)
        self.budget = ClickBudget(
            max_rank, clicks_per_class, image_fraction, click_fraction, seed
        )
        self.drop_unclicked = drop_unclicked
        self.click_options = dict(click_options or {})
        self.vocabulary = vocabulary
        self.box_files = as_list(box_file)
        self.click_report: dict = {}
        super().__init__(test_mode=test_mode, **kwargs)

    def _join_prefix(self) -> None:
        """Join the file of vocabularies, too."""
        super()._join_prefix()
        if isinstance(self.vocabulary, str) and self.vocabulary != DECLARED:
            self.vocabulary = self._below_root(self.vocabulary)

    def load_data_list(self) -> Sequence[dict]:
        """List the images with their clicks and report what was found.

        Returns:
            Sequence[dict]: A list, of many images a sequence that makes each entry when it
            is asked for. Per image ``img_path``, ``img_id``, ``clicks`` ((n, 2) float32
            x and y) and more of :func:`.click_marks.split_marks`, ``background_index``,
            ``label_map``, ``reduce_zero_label`` and ``seg_fields``. With ``test_mode`` the
            list of ``BaseSegDataset``.
        """
        if self.test_mode:
            return super().load_data_list()
        check_class_list(
            type(self).__name__, self._metainfo.get('classes'), "('a', 'b', ...)"
        )
        check_click_pipeline(self.pipeline.transforms)
        self._settle_background()
        clicks = self._click_set()
        check_pseudo_labels(self.pipeline.transforms, clicks.ids, self._metainfo['classes'])
        for level, text in clicks.messages:
            self._tell(text, level)
        self.click_report = clicks.report
        self._tell(format_report(self.click_report))
        warning = unclicked_classes(self.click_report, self.ann_file)
        if warning:
            self._tell(warning, logging.WARNING)
        samples = ClickSamples(
            clicks,
            self.data_prefix.get('img_path') or '',
            self.backend_args,
            self._boxes(clicks.ids),
            background_index=self.background_index,
            label_map=self.label_map,
            reduce_zero_label=self.reduce_zero_label,
        )
        if len(samples) < MANY_IMAGES and not clicks.fractions:
            return list(samples)
        self.serialize_data = False  # nothing is held that could be
        return samples

    def _boxes(self, images: Sequence[str]) -> dict:
        """Boxes of images, where there is a file of them."""
        found: dict = {}
        for file in self.box_files:
            words = (self._resolver(), self.img_suffix, relabelling(self))
            found.update(read_boxes(file, images, *words))
        return found

    def _click_set(self) -> ClickSet:
        """The clicks of the list, from the cache where there is much to read."""
        large = any(is_large(file) for file in self._all_click_files())
        listed = self._listed() if self.check_images or not self.ann_file else None
        folder = self._cache_folder(len(listed[0]) if listed else 0, large)
        key = None if folder is None else self._cache_key(listed)

        def make(new: Path | None = None) -> ClickSet:
            return self._prepare(*(listed or self._listed()), new)

        return make() if key is None else cached_set(folder, key, make)

    def _listed(self) -> Listed:
        """Ids, files and sizes of the images."""
        images, files = map(list, zip(*self._image_files().items()))
        folder = self.data_prefix.get('img_path') or ''
        sizes = None
        if self.check_images:
            sizes = self._image_sizes([osp.join(folder, file) for file in files])
        return images, files, sizes

    def _all_click_files(self) -> list[str]:
        return self.click_files + self.background_click_files

    def _cache_key(self, listed: Listed | None) -> list | None:
        """All that decides what is trained; None where that cannot be told."""
        folder = os.path.abspath(self.data_prefix.get('img_path') or '')
        files = [*self._all_click_files(), self.ann_file]
        if isinstance(self.vocabulary, str) and self.vocabulary != DECLARED:
            files.append(self.vocabulary)
        try:
            stamps = [file_stamp(file) for file in files if file]
            images = os.stat(folder).st_mtime_ns if listed is None else None
        except OSError:  # a folder of many files, or absent: whoever reads it says so
            return None
        if listed is not None:
            _, files, sizes = listed
            sizes = b'' if sizes is None else sizes.tobytes()
            images = digest('\n'.join(files).encode('utf-8', 'surrogatepass'), sizes)
        options = (self.click_options, self.vocabulary, vars(self.budget))
        return [
            [f'{type(self).__module__}.{type(self).__qualname__}', folder, images],
            [stamps, len(self.click_files)],
            [self.METAINFO.get('classes'), self._metainfo['classes'], self.label_map],
            [self.reduce_zero_label, self.img_suffix, self.drop_unclicked, *options],
            [self.check_images],
        ]

    def _prepare(
        self,
        images: list[str],
        files: list[str],
        sizes: np.ndarray | None,
        folder: Path | None = None,
    ) -> ClickSet:
        """Read the click files and apply every limit, counting what falls away."""
        messages: list = []
        marks = self._read_click_files(images, sizes, messages)
        return Preparation(
            images,
            files,
            sizes,
            marks,
            self.budget,
            relabelling(self),
            self._metainfo['classes'],
            self.drop_unclicked,
            ', '.join(self._all_click_files()),
            messages,
        ).run(folder)

    def _read_click_files(
        self, images: list[str], sizes: np.ndarray | None, messages: list
    ) -> list[Marks]:
        resolve = self._resolver()
        options = ReadOptions(images=self.data_prefix.get('img_path'), **self.click_options)
        sources = ClickSources(
            images,
            sizes,
            self.img_suffix,
            resolve,
            options,
            self.vocabulary,
            self.backend_args,
        )
        if self.background_click_files and BACKGROUND not in resolve.ids:
            raise ValueError(
                f"background_click_file needs a class named '{BACKGROUND}', "
                f'the classes are {", ".join(resolve.ids)}'
            )
        files = [(file, None) for file in self.click_files]
        files += [(f, resolve.ids[BACKGROUND]) for f in self.background_click_files]
        tables, marks = [], []
        for file, only_class in files:
            if ClickStore.is_store(file):
                marks.append(sources.open(file, only_class))
            else:
                tables.append(sources.read(file, only_class))
        messages += [[logging.INFO, note] for note in sources.notes]
        if tables:
            marks.insert(0, MarksOfTable(ClickTable.concatenate(tables), images))
        return marks


@DATASETS.register_module()
class PascalVOCClickDataset(ClickDataset):
    """PASCAL VOC with the clicks of "What's the Point" instead of masks.

    Click files hold the VOC ids (0 background, 1 to 20 alphabetical); see
    :class:`ClickDataset` for the arguments. The published files hold clicks of val
    images too: ``ann_file`` decides which images are used.
    """

    METAINFO = PascalVOCDataset.METAINFO
