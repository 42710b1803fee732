"""Image tags for a data set that also has masks."""

from collections.abc import Mapping

import mmengine.fileio as fileio
from mmseg.registry import DATASETS

from .class_splits import BACKGROUND
from .json_objects import parse_json_object

# Entries of a data set's images that hold class indices.
TAG_KEYS = ('tags', 'click_labels')
Tags = dict[str, tuple[str, ...]]


def read_tags(source: str | Mapping) -> Tags:
    """Class names of images from a file, or from a data set that has tags or clicks.

    Args:
        source (str | Mapping): A JSON file ``{"image id": ["class", ...]}``, or the config
            of a data set whose images have ``img_id`` and ``tags`` or ``click_labels``,
            such as ``ImageTagDataset`` or ``PascalVOCClickDataset``. No mask is read.

    Returns:
        dict[str, tuple[str, ...]]: Image id to its sorted foreground class names.

    Raises:
        FileNotFoundError: The file does not exist.
        ValueError: It is malformed, or the data set has no tags.
    """
    if isinstance(source, str):
        return _read_tag_file(source)
    dataset = DATASETS.build(dict(source, pipeline=[], test_mode=False, lazy_init=False))
    classes, tags = dataset.metainfo['classes'], {}
    for i in range(len(dataset)):
        info = dataset.get_data_info(i)
        key = next((key for key in TAG_KEYS if key in info), None)
        if key is None or 'img_id' not in info:
            raise ValueError(
                f'tags: {source["type"]} has neither tags nor clicks; take an '
                'ImageTagDataset, a click data set or a JSON file'
            )
        names = {classes[int(label)] for label in info[key]}
        tags[info['img_id']] = tuple(sorted(names - {BACKGROUND}))
    return tags


def _read_tag_file(path: str) -> Tags:
    if not fileio.isfile(path):
        raise FileNotFoundError(f'tag file not found: {path}')
    content = parse_json_object(path, fileio.get_text(path), 'like {"image": ["class"]}')
    for image, names in content.items():
        if not isinstance(names, list) or not all(isinstance(n, str) for n in names):
            raise ValueError(
                f'{path}: image {image!r} has tags {names!r}; expected a list of names'
            )
    return {
        image: tuple(sorted(set(names) - {BACKGROUND})) for image, names in content.items()
    }
