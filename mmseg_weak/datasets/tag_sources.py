"""Image tags for a data set that also has masks."""

import os
from collections.abc import Mapping

import numpy as np
from mmseg.registry import DATASETS

from .class_splits import BACKGROUND
from .tag_formats import read_tag_file

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
