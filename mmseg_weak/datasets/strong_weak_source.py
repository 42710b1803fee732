"""The data set and the tags inside a strong-weak one."""

import copy
import os
from collections.abc import Mapping, Sequence
from functools import partial

import numpy as np
from mmseg.datasets import BaseSegDataset
from mmseg.registry import DATASETS

from .class_splits import BACKGROUND, CLASS_SPLITS, StrongWeakClasses
from .image_files import read_lines
from .messages import warn
from .tag_formats import read_tag_file
from .voc_tags import CLASSES as KNOWN_CLASSES
from .voc_tags import PALETTE as KNOWN_PALETTE
from .weak_dataset import list_samples


def build_source(dataset: Mapping) -> BaseSegDataset:
    """The data set with images and masks, not loaded yet; it must know its classes."""
    if 'type' not in dataset or {'dataset', 'datasets'} & set(dataset):
        raise ValueError(
            f'{dataset.get("type")} wraps other data sets; give each of them a '
            'StrongWeakDataset of its own and join those'
        )
    source = DATASETS.build(
        {**copy.deepcopy(dict(dataset)), 'pipeline': [], 'lazy_init': True}
    )
    if not source.metainfo.get('classes'):
        raise ValueError(
            f'{dataset["type"]} does not know its classes: its config needs '
            "metainfo=dict(classes=('background', 'a', ...)) for the ids in its masks"
        )
    if type(source).load_data_list is BaseSegDataset.load_data_list:
        source.load_data_list = partial(list_samples, source)  # takes several suffixes
    return source


def trained_classes(
    metainfo: Mapping | None, source: Sequence[str], class_map: Mapping, split: str | None
) -> tuple[str, ...]:
    """The classes of ``metainfo``, of a named split, or of the data set."""
    classes = (metainfo or {}).get('classes')
    if isinstance(classes, str):
        classes = read_lines(classes, 'list of classes')
    if classes:
        return tuple(classes)
    classes = dict.fromkeys(class_map.get(name, name) for name in source)
    if split in CLASS_SPLITS:
        published = [name for part in CLASS_SPLITS[split][::-1] for name in part]
        known = [n for n in classes if n in published or n == BACKGROUND]
        classes = dict.fromkeys((*known, *published))
    return tuple(classes)


def palette(classes: Sequence[str], source: Mapping, class_map: Mapping) -> list:
    """Colours of the trained classes: the source's, known ones, made-up ones."""
    colours = dict(zip(KNOWN_CLASSES, KNOWN_PALETTE))
    for name, colour in zip(source['classes'], source.get('palette') or []):
        colours[class_map.get(name, name)] = list(colour)
    rng = np.random.default_rng(0)
    extra = rng.integers(0, 256, (len(classes), 3)).tolist()
    return [colours.get(name, extra[i]) for i, name in enumerate(classes)]


def check_weak_classes(
    source: BaseSegDataset, split: StrongWeakClasses, class_map: Mapping[str, str]
) -> None:
    """No weak object may hide behind a name that the masks do not have.

    Raises:
        ValueError: The metainfo of ``source`` makes a weak class unknown.
    """
    weak = {split.classes[i] for i in split.weak}
    known = source.metainfo['classes']
    for name in set(type(source).METAINFO.get('classes', ())) - set(known):
        if class_map.get(name, name) in weak:
            raise ValueError(
                f'the metainfo of the inner data set leaves out {name!r}, which is weak: '
                'its pixels would be unknown, and their shape would show; leave that '
                'metainfo out (classes that are not trained are 255 anyway)'
            )
    absent = weak - {class_map.get(name, name) for name in known}
    others = [name for name in known if class_map.get(name, name) not in split.classes]
    if absent and others:
        warn(
            f'StrongWeakDataset: the masks know no {", ".join(sorted(absent))}, and their '
            f'{", ".join(others)} are not trained. If these are the same, say so with '
            'class_map; until then they hide the background beside them, as weak classes '
            'do'
        )


# Entries of a data set's images that hold class indices.
TAG_KEYS = ('tags', 'click_labels')
Tags = dict[str, tuple[str, ...]]


def read_tags(source: str | os.PathLike | Mapping) -> Tags:
    """Class names of images from a file, or from a data set that has tags or clicks.

    Args:
        source (str | os.PathLike | Mapping): A JSON or CSV file of class names, see
            :mod:`~mmseg_weak.datasets.tag_formats`, or the config of a data set whose
            images have ``img_id`` and ``tags`` or ``click_labels``, such as
            ``ImageTagDataset`` or ``PascalVOCClickDataset``. No mask is read.

    Returns:
        dict[str, tuple[str, ...]]: Image id to its sorted foreground class names.

    Raises:
        FileNotFoundError: The file does not exist.
        ValueError: It is malformed, or the data set has no tags.
    """
    if not isinstance(source, Mapping):
        read = read_tag_file(str(source), _class_name)
        return {image: tuple(sorted(names - {BACKGROUND})) for image, names in read.items()}
    dataset = DATASETS.build(dict(source, pipeline=[], test_mode=False, lazy_init=False))
    classes, tags = dataset.metainfo['classes'], {}
    for i in range(len(dataset)):
        info = dataset.get_data_info(i)
        key = next((key for key in TAG_KEYS if key in info), None)
        if key is None or 'img_id' not in info:
            raise ValueError(
                f'tags: {source["type"]} has neither tags nor clicks; take an '
                'ImageTagDataset, a click data set, a JSON or a CSV file'
            )
        labels = np.asarray(info[key], dtype=np.int64)
        labels = labels[~info.get('click_negatives', np.zeros(len(labels), bool))]
        names = {classes[label] for label in labels}
        tags[info['img_id']] = tuple(sorted(names - {BACKGROUND}))
    return tags


def _class_name(value: object) -> str:
    if not isinstance(value, str) or not value.strip() or value.strip().isdigit():
        raise ValueError(f'{value!r} is no class name')
    return value.strip()
