"""Data sets of images whose only labels are tags: the classes they show."""

import logging
from collections.abc import Sequence

import numpy as np
from mmseg.registry import DATASETS

from .._messages import shortened
from ..constants import IGNORE_INDEX
from .class_resolver import ClassResolver
from .class_splits import check_class_list
from .click_formats import read_clicks
from .formats import ReadOptions
from .image_files import as_list
from .tag_formats import Tags, match_tags, read_tag_file
from .tag_report import ELSEWHERE, format_tag_report, make_tag_report
from .transforms.pseudo_labels import check_pseudo_labels
from .transforms.tags import check_tag_pipeline
from .weak_dataset import WeakSegDataset, relabelling

# What to do with an image without a tag of a trained class.
POLICIES = ('drop', 'keep', 'error')
STATED = dict(drop='left out', keep='kept', error='refused')
MAX_NAMES = 5
# Of fewer images nothing is said.
FEW = 5


@DATASETS.register_module()
class ImageTagDataset(WeakSegDataset):
    """Images of a folder with the classes they show as their only labels.

    In training no path to a mask exists in the data, whatever ``data_prefix`` says. With
    ``test_mode=True`` it is a plain ``BaseSegDataset`` with masks and no tags.

    Classes come from ``metainfo=dict(classes=...)`` and include ``'background'`` (for the
    masks it is scored with; ``background`` names another), which is never a tag. A subset
    of VOC's or COCO's classes drops the tags of the others; of own tags it does with
    ``unknown_tags='ignore'``.

    Args:
        tag_file (str | Sequence[str]): JSON or CSV file(s), see
            :mod:`mmseg_weak.datasets.tag_formats`.
        click_file (str | Sequence[str]): File(s) of clicks instead; their classes are the
            tags, their positions are not used.
        without_tags (str): What happens to an image that has no tag and of which no tag
            file says so: ``drop`` leaves it out, ``keep`` takes it as one that shows none
            of the classes, ``error`` stops. One that a tag file names without a tag, or
            with background alone, shows none of them and stays. Defaults to ``drop``.
        unknown_tags (str): ``error``, or ``ignore`` to drop tags that name no class, for
            files with more classes than are trained. Both are reported. Defaults to
            ``error``.
        **kwargs: ``img_suffix``, ``pseudo_label_dir``, ``check_images`` and ``background``
            of :class:`~.weak_dataset.WeakSegDataset`, and arguments of
            ``mmseg.datasets.BaseSegDataset``.

    Raises:
        FileNotFoundError: Tag file, split list, image folder or image is absent.
        ValueError: An option is unknown, a file is malformed, a tag is unknown, the
            pipeline does not hand on tags, or no image has a tag.
    """

    file_lists = ('tag_files', 'click_files')

    def __init__(
        self,
        tag_file: str | Sequence[str] | None = (),
        click_file: str | Sequence[str] | None = (),
        without_tags: str = 'drop',
        unknown_tags: str = 'error',
        test_mode: bool = False,
        **kwargs,
    ) -> None:
        self.tag_files, self.click_files = as_list(tag_file), as_list(click_file)
        if without_tags not in POLICIES:
            raise ValueError(f'without_tags must be in {POLICIES}, got {without_tags!r}')
        if unknown_tags not in ('error', 'ignore'):
            raise ValueError(
                f"unknown_tags must be 'error' or 'ignore', got {unknown_tags!r}"
            )
        self.without_tags = without_tags
        self.unknown_tags = unknown_tags
        self.tag_report: dict = {}
        # Images of which an annotation says that they show none of the classes.
        self._stated: set[str] = set()
        if not test_mode:
            self._check_source()
        super().__init__(test_mode=test_mode, **kwargs)

    def _check_source(self) -> None:
        """Refuse to train without tags.

        Raises:
            ValueError: Neither or both of the sources are given.
        """
        if bool(self.tag_files) == bool(self.click_files):
            given = 'both are set; set one to None' if self.tag_files else 'neither is set'
            raise ValueError(
                f'{type(self).__name__} needs either tag_file or click_file to train, '
                f'{given}'
            )

    def load_data_list(self) -> list[dict]:
        """List the images with their tags and report what was found.

        Returns:
            list[dict]: Per image ``img_path``, ``img_id``, ``tags`` (sorted class indices
            as trained), ``background_index``, ``label_map``, ``reduce_zero_label`` and
            ``seg_fields``. With ``test_mode`` the list of ``BaseSegDataset``.
        """
        if self.test_mode:
            return super().load_data_list()
        self._check_classes()
        check_tag_pipeline(self.pipeline.transforms)
        paths, found = self._list_images()
        images = list(paths)
        tags, dropped = self._trained_tags(found)
        if not any(tags.get(image) for image in images):
            self._refuse_no_tags(images, found)
        tagged = [image for image in images if tags.get(image) or image in self._stated]
        kept = set(tagged)
        without = [image for image in images if image not in kept]
        self._check_tags(without)
        if self.without_tags == 'drop':
            images = tagged
        others = tags.keys() - set(images)
        dropped[ELSEWHERE] = sum(len(tags[i]) for i in others)
        self._image_sizes([paths[image] for image in images])
        check_pseudo_labels(self.pipeline.transforms, images, self._metainfo['classes'])
        used = {image: tuple(sorted(tags.get(image, ()))) for image in images}
        self._report(used, without, dropped)
        kept = {image: paths[image] for image in images}
        return self._entries(kept, (dict(tags=found) for found in used.values()))

    def _check_classes(self) -> None:
        classes = self._metainfo.get('classes')
        check_class_list(type(self).__name__, classes, "('background', 'a', ...)")
        if self.background_index is None:
            raise ValueError(
                f"classes lack 'background', which masks and label maps have beside the "
                f'tags: {", ".join(classes)}; add it, or name the class that is it with '
                'background=...'
            )

    def _list_images(self) -> tuple[dict[str, str], Tags]:
        """Paths of the images, and class ids as annotated of all images that have tags."""
        paths = self._image_paths()
        return paths, self._read_tags(list(paths))

    def _read_tags(self, images: list[str]) -> Tags:
        """Class ids as annotated, by image id."""
        resolve = self._resolver()
        tags: Tags = {}
        for file in self.tag_files:
            read = read_tag_file(file, self._known(resolve), self.backend_args)
            self._add(tags, file, read, images)
            self._stated |= tags.keys()
        for file in self.click_files:
            options = ReadOptions(fractions=True)  # where they are does not matter
            clicks = read_clicks(
                file, resolve, backend_args=self.backend_args, options=options
            )
            clicks, read = clicks.select(~clicks.negative), {}
            pairs = np.stack([clicks.image_index, clicks.label], axis=1)
            for image, label in np.unique(pairs, axis=0).tolist():
                read.setdefault(clicks.images[image], set()).add(label)
            self._add(tags, file, read, images)
        return tags

    def _add(self, tags: Tags, file: str, read: Tags, images: list[str]) -> None:
        """Join the tags of one file, by the ids of the images that it means."""
        try:
            matched, notes = match_tags(read, images, self.img_suffix)
        except ValueError as error:
            raise ValueError(f'{file}: {error}') from None
        for note in notes:
            self._tell(f'{file}: {note}')
        for image, labels in matched.items():
            tags.setdefault(image, set()).update(labels)

    def _known(self, resolve: ClassResolver):
        """The resolver, or one that gives -1 for an unknown tag that is to be ignored.

        Raises:
            ValueError: An id is to be looked up in a list that may lack classes.
        """
        if self.unknown_tags == 'error':
            return resolve
        shortened = 'classes' not in self.METAINFO

        def lenient(value: object) -> int:
            text = str(value).strip()
            named = isinstance(value, str) and text in resolve.ids
            if shortened and text.isdigit() and not named:
                raise ValueError(
                    f"tag {value!r} is an id; with unknown_tags='ignore' tags must be "
                    'names, for a shorter class list gives ids another meaning'
                )
            try:
                return resolve(value)
            except ValueError:
                return -1

        return lenient

    def _trained_tags(self, found: Tags) -> tuple[Tags, dict[str, int]]:
        """Relabel as mmseg's ``LoadAnnotations`` relabels masks; drop the rest."""
        table = relabelling(self)
        background, tags = self.background_index, {}
        dropped = dict.fromkeys(
            ('naming no class', 'of classes not trained', 'of background'), 0
        )
        for image, labels in found.items():
            kept = tags[image] = set()
            # Nothing but background is a statement too.
            if not all(label >= 0 and table[label] == background for label in labels):
                self._stated.discard(image)
            for label in labels:
                trained = IGNORE_INDEX if label < 0 else int(table[label])
                if label < 0:
                    dropped['naming no class'] += 1
                elif trained == background:
                    dropped['of background'] += 1
                elif trained == IGNORE_INDEX:
                    dropped['of classes not trained'] += 1
                else:
                    kept.add(trained)
        return tags, dropped

    def _refuse_no_tags(self, images: list[str], found: Tags) -> None:
        source = (*self.tag_files, *self.click_files, self.ann_file)[0]
        if set(found) & set(images):
            raise ValueError(
                f'{source}: no image has a tag of a class that is trained: of '
                f'{len(found)} lists of tags '
                f'{sum(not names for names in found.values())} are empty'
            )
        given = shortened(list(found)[:2])
        raise ValueError(
            f'{source}: no image has a tag: ids of tags look like {given}, those of '
            f'the images like {images[:2]}'
        )

    def _check_tags(self, without: list[str]) -> None:
        if without and self.without_tags == 'error':
            raise ValueError(
                f'{len(without)} images have no tag, such as '
                f'{", ".join(without[:MAX_NAMES])}; tag them, or say what they are by '
                "without_tags='drop' or 'keep'"
            )

    def _report(self, tags: dict, without: list[str], dropped: dict) -> None:
        report = make_tag_report(
            tags, self._metainfo['classes'], self.background_index, dropped, without
        )
        report['images_stated_empty'] = len(self._stated & {i for i in tags if not tags[i]})
        self.tag_report = report
        self._tell(format_tag_report(report, STATED[self.without_tags]))
        if report['classes_without_images']:
            self._tell(
                f'no image shows {", ".join(report["classes_without_images"])}; these '
                'classes cannot be learnt',
                logging.WARNING,
            )
        everywhere = [n for n, c in report['images_per_class'].items() if c == len(tags)]
        if everywhere and len(tags) >= FEW:
            self._tell(
                f'every image shows {", ".join(everywhere)}: tags cannot tell where, so '
                'its labels will be useless. Add images without it and name them in the '
                'tag file, or make it the background',
                logging.WARNING,
            )
