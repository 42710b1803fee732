"""Data sets of images with clicked pixels instead of masks."""

import logging

import numpy as np
from mmseg.datasets import PascalVOCDataset
from mmseg.registry import DATASETS

from ..constants import IGNORE_INDEX
from .class_lists import check_class_list
from .class_splits import BACKGROUND
from .click_budget import ClickBudget
from .click_checks import check_clicks
from .click_marks import marks_inside, split_marks
from .click_report import REASONS, format_report, make_report, unclicked_classes
from .click_sources import DECLARED, ClickSources, Vocabulary
from .click_table import ClickTable
from .formats import ReadOptions
from .image_files import Files, as_list
from .transforms.checks import check_click_pipeline
from .transforms.pseudo_labels import check_pseudo_labels
from .weak_dataset import WeakSegDataset, relabelling


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
        **kwargs: ``img_suffix``, ``pseudo_label_dir``, ``check_images`` (also finds clicks
            outside) and ``background`` of :class:`~.weak_dataset.WeakSegDataset`, and
            arguments of ``mmseg.datasets.BaseSegDataset``.

    Raises:
        FileNotFoundError: Click file, split list, image folder or image is absent.
        ValueError: An option is out of range, a file is malformed, the split list is
            empty or no image has a click.
    """

    file_lists = ('click_files', 'background_click_files')

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
        self.click_report: dict = {}
        super().__init__(test_mode=test_mode, **kwargs)

    def _join_prefix(self) -> None:
        """Join the file of vocabularies, too."""
        super()._join_prefix()
        if isinstance(self.vocabulary, str) and self.vocabulary != DECLARED:
            self.vocabulary = self._below_root(self.vocabulary)

    def load_data_list(self) -> list[dict]:
        """List the images with their clicks and report what was found.

        Returns:
            list[dict]: Per image ``img_path``, ``img_id``, ``clicks`` ((n, 2) float32
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
        images, paths = map(list, zip(*self._image_paths().items()))
        sizes = self._image_sizes(paths)
        clicks, dropped, outside = self._load_clicks(images, sizes)
        if self.drop_unclicked:
            clicked = set(clicks.image)
            keep = [i for i, image in enumerate(images) if image in clicked]
            images, paths = [images[i] for i in keep], [paths[i] for i in keep]
            sizes = None if sizes is None else sizes[keep]
        check_pseudo_labels(self.pipeline.transforms, images, self._metainfo['classes'])
        self.click_report = make_report(
            clicks, images, sizes, self._metainfo['classes'], dropped, outside
        )
        self._tell(format_report(self.click_report))
        warning = unclicked_classes(self.click_report)
        if warning:
            self._tell(warning, logging.WARNING)
        return self._make_data_list(images, paths, clicks)

    def _load_clicks(
        self, images: list[str], sizes: np.ndarray | None
    ) -> tuple[ClickTable, dict[str, int], ClickTable | None]:
        """Read the click files and apply every limit, counting what falls away.

        Returns:
            tuple: The clicks that are used, how many are dropped for each reason, and
            those outside their image.
        """
        clicks = self._read_click_files(images, sizes)
        seen = sorted(set(clicks.image))
        dropped, outside = dict.fromkeys(REASONS, 0), None

        def keep(reason: str, mask: np.ndarray) -> ClickTable:
            dropped[reason] += int((~mask).sum())
            return clicks.select(mask)

        row = {image: i for i, image in enumerate(images)}
        clicks = keep('not_in_split', np.array([i in row for i in clicks.image], bool))
        if not len(clicks):
            found = f'the ids there look like {seen[:2]}' if seen else 'it holds no click'
            raise ValueError(
                f'no image has a click in {", ".join(self.click_files)}: {found}, those of '
                f'the images look like {images[:2]}'
            )
        self._check_clicks(clicks, row, sizes)
        clicks.label = relabelling(self)[clicks.label]
        clicks = keep('ignored_class', clicks.label != IGNORE_INDEX)
        if sizes is not None:
            inside = marks_inside(clicks, sizes[[row[image] for image in clicks.image]])
            outside = clicks.select(~inside)
            clicks = keep('outside_image', inside)
        for reason, choose in self.budget.steps():
            clicks = keep(reason, choose(clicks))
        if not len(clicks):
            raise ValueError(f'no click is left, dropped: {dropped}')
        return clicks, dropped, outside

    def _check_clicks(
        self, clicks: ClickTable, row: dict[str, int], sizes: np.ndarray | None
    ) -> None:
        """Before any limit: what is left after one may prove nothing."""
        clicks = clicks.select(~clicks.negative)
        if not len(clicks):
            return
        if sizes is not None:
            sizes = sizes[[row[image] for image in clicks.image]]
        try:
            notes = check_clicks(clicks, sizes)
        except ValueError as error:
            files = ', '.join(self.click_files + self.background_click_files)
            raise ValueError(f'{files}: {error}') from None
        for note in notes:
            self._tell(note, logging.WARNING)

    def _read_click_files(self, images: list[str], sizes: np.ndarray | None) -> ClickTable:
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
        tables = [sources.read(file) for file in self.click_files]
        for file in self.background_click_files:
            tables.append(sources.read(file, only_class=resolve.ids[BACKGROUND]))
        for note in sources.notes:
            self._tell(note)
        return ClickTable.concatenate(tables)

    def _make_data_list(
        self, images: list[str], paths: list[str], clicks: ClickTable
    ) -> list[dict]:
        trained = relabelling(self)
        known = [set(trained[list(ids)].tolist()) for ids in clicks.vocabularies]
        known = [tuple(sorted(ids - {IGNORE_INDEX})) for ids in known]
        samples = split_marks(clicks, images, known, self.background_index)
        return self._entries(dict(zip(images, paths)), samples)


@DATASETS.register_module()
class PascalVOCClickDataset(ClickDataset):
    """PASCAL VOC with the clicks of "What's the Point" instead of masks.

    Click files hold the VOC ids (0 background, 1 to 20 alphabetical); see
    :class:`ClickDataset` for the arguments. The published files hold clicks of val
    images too: ``ann_file`` decides which images are used.
    """

    METAINFO = PascalVOCDataset.METAINFO
