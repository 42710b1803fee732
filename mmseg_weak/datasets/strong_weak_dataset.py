"""Masks for some classes, tags for the rest."""

import os
from collections import Counter
from collections.abc import Mapping, Sequence

import mmengine.fileio as fileio
import numpy as np
from mmseg.datasets import BaseSegDataset
from mmseg.datasets.transforms import LoadAnnotations
from mmseg.registry import DATASETS, TRANSFORMS

from ..constants import IGNORE_INDEX
from .class_splits import BACKGROUND, StrongWeakClasses
from .image_checks import image_sizes
from .image_files import image_id
from .messages import tell, warn
from .pseudo_label_folder import PseudoLabelFolder
from .strong_masks import StrongMaskReader, compare_with_tags
from .strong_weak_source import (
    build_source,
    check_weak_classes,
    palette,
    read_tags,
    trained_classes,
)
from .transforms.checks import walk_transforms
from .transforms.pseudo_labels import LoadPseudoLabels
from .weak_dataset import image_of

POLICIES = ('strict', 'keep_strong')
IMAGES = ('all', 'strong', 'weak')
CLASS_AGNOSTIC = dict(
    classes=(BACKGROUND, 'foreground'), palette=[[0, 0, 0], [255, 140, 0]]
)


@DATASETS.register_module()
class StrongWeakDataset(BaseSegDataset):
    """Any mmseg data set whose masks may be used for its strong classes only.

    An image is *strong* when all its tags are strong classes, *weak* when one is not; one
    without tags is left out, for nothing tells what its mask may show, unless a tag file
    names it and so says that it shows none of the classes. The labels
    (``gt_seg_map``) are made here, before any transform: of a strong image its mask, of a
    weak image a pseudo-label or 255 everywhere. Pixels of weak classes never come out, see
    :class:`~mmseg_weak.datasets.strong_masks.StrongMaskReader`, and samples hold no path
    to a mask. The pipeline needs no ``LoadAnnotations``; ``image_classes`` are the tags.

    Args:
        dataset (dict): Config of the data set with images and masks, its pipeline unused.
        tags (str | os.PathLike | dict): Where tags come from, see
            :func:`.strong_weak_source.read_tags`. A file must name trained classes; of a
            data set others are left out and counted.
        strong_classes (Sequence[str]): Classes with masks.
        weak_classes (Sequence[str]): Classes with tags only.
        split (str, optional): Name of a published split instead of the two lists, see
            ``mmseg_weak.datasets.class_splits.CLASS_SPLITS``.
        policy (str): What a weak image gives: ``strict`` tags only (its mask is never
            opened), ``keep_strong`` also its strong pixels, if it has a mask. Defaults to
            ``strict``.
        images (str): ``all``, only ``strong`` or only ``weak`` ones. Defaults to ``all``.
        class_map (Mapping[str, str], optional): Names of ``dataset`` and ``tags`` to the
            trained names, such as ``dict(airplane='aeroplane')``. A set without a
            background class needs one, such as ``dict(road='background')``. Classes that
            are not trained are 255.
        class_agnostic (bool): Labels are background 0 and foreground 1, as the label
            transfer network wants them. Defaults to False.
        pseudo_label_dir (str, optional): Folder with a label for each weak image, see
            :class:`~mmseg_weak.datasets.pseudo_label_folder.PseudoLabelFolder`. Defaults to
            None, 255 everywhere.
        mask_loader (dict, optional): Transform that reads a mask. Defaults to
            ``LoadAnnotations``.
        metainfo (dict, optional): ``classes`` to train with ``'background'``; defaults to
            those of ``dataset`` as ``class_map`` names them; with a named split those of
            the split, in the order of ``dataset``.
        **kwargs: ``pipeline``, ``lazy_init`` and so on of ``BaseSegDataset``.

    Raises:
        FileNotFoundError: A tag file, a label folder or masks of strong images are absent.
        ValueError: The class lists do not partition the classes, an option is unknown, no
            image is strong, a weak class has no tag, a tag file names an unknown class,
            ``dataset`` wraps others, or the pipeline reads masks itself.
    """

    def __init__(
        self,
        dataset: Mapping,
        tags: str | os.PathLike | Mapping,
        strong_classes: Sequence[str] = (),
        weak_classes: Sequence[str] = (),
        split: str | None = None,
        policy: str = 'strict',
        images: str = 'all',
        class_map: Mapping[str, str] | None = None,
        class_agnostic: bool = False,
        pseudo_label_dir: str | None = None,
        mask_loader: dict | None = None,
        metainfo: dict | None = None,
        test_mode: bool = False,
        **kwargs,
    ) -> None:
        for name, value, known in (
            ('policy', policy, POLICIES),
            ('images', images, IMAGES),
        ):
            if value not in known:
                raise ValueError(f'{name} must be in {known}, got {value!r}')
        if test_mode:
            raise ValueError(
                'StrongWeakDataset hides masks and is for training; test with the data set '
                f'inside it, {dataset["type"]}'
            )
        self.source = build_source(dataset)
        self.tag_source = tags
        self.policy, self.images = policy, images
        self.class_map = dict(class_map or {})
        self.pseudo_label_dir = pseudo_label_dir
        source = self.source.metainfo
        classes = trained_classes(metainfo, source['classes'], self.class_map, split)
        self.split = StrongWeakClasses.resolve(classes, strong_classes, weak_classes, split)
        self.class_agnostic = class_agnostic
        self.read_mask = StrongMaskReader(
            TRANSFORMS.build(mask_loader or dict(type='LoadAnnotations')),
            self.split,
            source['classes'],
            self.class_map,
        )
        if images != 'weak' or policy == 'keep_strong':
            check_weak_classes(self.source, self.split, self.class_map)
        self.report: dict = {}
        metainfo = dict(metainfo or {}, classes=classes)
        metainfo.setdefault('palette', palette(classes, source, self.class_map))
        if class_agnostic:
            metainfo.update(CLASS_AGNOSTIC)
        super().__init__(metainfo=metainfo, test_mode=False, **kwargs)

    def load_data_list(self) -> list[dict]:
        """List the images that are asked for.

        Returns:
            list[dict]: Per image ``img_path``, ``img_id``, ``is_strong``, ``tags`` (class
            indices) and, where its mask may be read, ``mask`` (taken out before the
            pipeline).
        """
        self._check_pipeline()
        self._load_source()
        tags: dict[str, set[str]] = {}
        for image, names in read_tags(self.tag_source).items():
            # One image may be written with and without its suffix.
            tags.setdefault(image_id(image, self.source.img_suffix), set()).update(names)
        # A file that names an image without a class says that it shows none.
        stated = {image for image, names in tags.items() if not names}
        if isinstance(self.tag_source, Mapping):
            stated = set()
        counts, found, ignored = Counter(), [], Counter()
        index = {name: i for i, name in enumerate(self.split.classes)}
        for i in range(len(self.source)):
            info = self.source.get_data_info(i)
            image = image_of(self.source, info['img_path'])
            names = {self.class_map.get(name, name) for name in tags.get(image, ())}
            names.discard(BACKGROUND)
            ignored.update(names - set(index))
            labels = tuple(sorted(index[name] for name in names if name in index))
            # A class that is not trained stands beside the others as unknown pixels.
            kind = self._kind(labels) if labels else 'untagged'
            if image in stated and self._exists(info.get('seg_map_path')):
                kind = 'strong'
            counts[kind] += 1
            found.append((kind, labels, image, info))
        if ignored and not isinstance(self.tag_source, Mapping):
            raise ValueError(
                f'{self.tag_source}: unknown class {min(ignored)!r}; the classes are '
                f'{", ".join(self.split.classes)} (class_map renames)'
            )
        self._check_images(found, tags)
        wanted = IMAGES[1:] if self.images == 'all' else (self.images,)
        data_list = [self._entry(*item) for item in found if item[0] in wanted]
        self._check_masks(data_list)
        compare_with_tags(data_list, self.read_mask, self.backend_args)
        self.report = dict(counts, ignored_tags=dict(ignored))
        if self.policy == 'keep_strong':
            weak = [item for item in data_list if not item['is_strong']]
            self.report['weak_without_mask'] = sum('mask' not in item for item in weak)
        tell(f'StrongWeakDataset: {self.report}')
        if self.images == 'all' and counts['weak'] and self.pseudo_label_dir is None:
            warn(
                f'StrongWeakDataset: {counts["weak"]} weak images have no labels, so '
                'weak classes are not learnt: set pseudo_label_dir (a list of stages '
                "does), or images='strong'"
            )
        if self.pseudo_label_dir is not None:
            weak = [item['img_id'] for item in data_list if not item['is_strong']]
            PseudoLabelFolder(self.pseudo_label_dir).check(weak, self.split.classes)
        return data_list

    def _load_source(self) -> None:
        """Load the inner data set; mmengine cannot say that a list is empty."""
        try:
            self.source.full_init()
        except ValueError as error:
            if 'need at least one array' not in str(error):
                raise
            raise ValueError(
                'the inner data set has no image: no file of '
                f'{self.source.data_prefix.get("img_path")!r} ends with '
                f'{self.source.img_suffix!r} (img_suffix), or its ann_file is empty'
            ) from None

    def _kind(self, labels: tuple[int, ...]) -> str:
        return 'weak' if set(labels) & set(self.split.weak) else 'strong'

    def _entry(self, kind: str, labels: tuple, image: str, info: dict) -> dict:
        entry = dict(
            img_path=info['img_path'],
            img_id=image,
            is_strong=kind == 'strong',
            tags=labels,
            label_map=None,
            reduce_zero_label=False,
            seg_fields=[],
        )
        path = info.get('seg_map_path')
        if kind == 'strong' or (self.policy == 'keep_strong' and self._exists(path)):
            keys = ('seg_map_path', 'label_map', 'reduce_zero_label')
            entry['mask'] = {key: info.get(key) for key in keys}
        return entry

    def _check_masks(self, entries: list[dict]) -> None:
        """Every mask that training will open is there."""
        paths = [entry['mask']['seg_map_path'] for entry in entries if 'mask' in entry]
        absent = [path for path in paths if not self._exists(path)]
        if absent:
            raise FileNotFoundError(
                f'{len(absent)} of {len(paths)} masks not found, such as {absent[0]}: an '
                'image tagged with strong classes only needs one (or tag what it shows '
                'of weak classes, or leave it out)'
            )

    def _exists(self, path: str | None) -> bool:
        return path is not None and fileio.exists(path, self.backend_args)

    def _check_pipeline(self) -> None:
        for transform in walk_transforms(self.pipeline.transforms):
            if isinstance(transform, (LoadAnnotations, LoadPseudoLabels)):
                raise ValueError(
                    f'{type(transform).__name__} must not be in the pipeline of a '
                    'StrongWeakDataset: it gives gt_seg_map itself, without weak pixels '
                    '(pseudo-labels through pseudo_label_dir)'
                )

    def _check_images(self, found: list[tuple], tags: dict) -> None:
        kinds = {kind for kind, *_ in found}
        if kinds <= {'untagged'}:
            names = [image for _, _, image, _ in found[:2]]
            raise ValueError(
                f'no image has a tag: the ids of the tags look like {list(tags)[:2]}, '
                f'those of the images like {names}'
            )
        classes = self.split.classes
        if self.images != 'weak' and 'strong' not in kinds:
            strong = ', '.join(classes[i] for i in self.split.strong)
            raise ValueError(
                f'there is no strong image, one tagged with nothing but {strong}; of '
                f'{len(found)} images {sum(f[0] == "weak" for f in found)} have a weak '
                'class, the others no tag'
            )
        shown = {
            label for kind, labels, *_ in found if kind == 'strong' for label in labels
        }
        unseen = [classes[i] for i in self.split.strong if i not in shown]
        if self.images != 'weak' and self.policy == 'strict' and unseen:
            warn(
                f'StrongWeakDataset: no strong image shows {", ".join(unseen)}; masks of '
                'images with a weak class are not read (policy)'
            )
        if self.images != 'strong':
            tagged = {label for _, labels, *_ in found for label in labels}
            absent = [classes[i] for i in self.split.weak if i not in tagged]
            if absent:
                raise ValueError(f'weak classes without any tag: {", ".join(absent)}')

    def prepare_data(self, idx: int) -> dict | None:
        """Make the labels of an image, then run the pipeline.

        Args:
            idx (int): Position of the image.

        Returns:
            dict | None: What the pipeline returns.
        """
        results = self.get_data_info(idx)
        results['gt_seg_map'] = self._labels(results, results.pop('mask', None))
        results['seg_fields'] = ['gt_seg_map']
        results['image_classes'] = tuple(results['tags'])
        return self.pipeline(results)

    def _labels(self, results: dict, mask: dict | None) -> np.ndarray:
        """Labels of an image, (H, W) uint8, none of them a weak pixel of its mask."""
        labels = None
        if not results['is_strong']:
            labels = self._weak_labels(results)
        if mask is not None:
            width, height = image_sizes([results['img_path']], self.backend_args)[0]
            known = self.read_mask(mask, not results['is_strong'], (height, width))
            labels = (
                known if labels is None else np.where(known != IGNORE_INDEX, known, labels)
            )
        if self.class_agnostic:
            object_ = (labels != self.split.background) & (labels != IGNORE_INDEX)
            labels = np.where(labels == IGNORE_INDEX, IGNORE_INDEX, object_)
        return labels.astype(np.uint8)

    def _weak_labels(self, results: dict) -> np.ndarray:
        width, height = image_sizes([results['img_path']], self.backend_args)[0]
        if self.pseudo_label_dir is None:
            return np.full((height, width), IGNORE_INDEX, np.uint8)
        folder = PseudoLabelFolder(self.pseudo_label_dir)
        return folder.read(results['img_id'], (height, width))
