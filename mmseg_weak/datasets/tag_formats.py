"""Read image tags from a file or folder in any format that is registered.

The package's own JSON is ``{"image id": ["cat", "person"], ...}``; its CSV has one of the
headers of :class:`~mmseg_weak.datasets.formats.tag_tables.TagCSV`. A folder may hold
``<class>/<image>``. A tag is a class name or an id of the original annotation (VOC: 1
aeroplane). :mod:`mmseg_weak.datasets.formats` reads the exports of annotation tools.
"""

import logging
import os
from collections.abc import Callable, Sequence

import mmengine.fileio as fileio
import numpy as np

from .formats import ReadOptions, read_annotations
from .formats.checks import match_names
from .image_files import image_id
from .messages import tell

Tags = dict[str, set[int]]


def read_tag_file(
    path: str | os.PathLike,
    resolve: Callable[[object], int],
    backend_args: dict | None = None,
    format: str | None = None,
    options: ReadOptions | None = None,
) -> Tags:
    """Read the tags of one file or folder.

    Args:
        path (str | os.PathLike): File or folder, its format told by its content.
        resolve (Callable): Maps a tag to its class id, see
            :class:`~mmseg_weak.datasets.click_formats.ClassResolver`.
        backend_args (dict, optional): mmengine file backend. Defaults to None.
        format (str, optional): Name of the format, by content without.
        options (ReadOptions, optional): Which attribute is the class, and the like.

    Returns:
        dict[str, set[int]]: Class ids of each image that the file names, in file order;
        empty where it names the image without a tag.

    Raises:
        FileNotFoundError: ``path`` does not exist.
        ValueError: No format fits, there is no tag but there are clicks, or an entry is
            malformed or unknown. The message names the file, the image and the entry.
    """
    path = os.fspath(path)
    if not (os.path.isdir(path) or fileio.isfile(path, backend_args=backend_args)):
        raise FileNotFoundError(f'tag file not found: {path}')
    found = read_annotations(path, format, options, 'tags', backend_args)
    if not len(found.tags) and len(found.clicks):
        raise ValueError(
            f'{path}: expected a list of class names or ids for each image, found clicks '
            '(a file of clicks is given as click_file)'
        )
    return _sets(found, resolve)


def match_tags(
    tags: Tags, images: Sequence[str], suffix: str | Sequence[str]
) -> tuple[Tags, list[str]]:
    """Give tags the ids of the images that their names are meant for.

    Args:
        tags (dict[str, set[int]]): Tags by name, as a file writes it.
        images (Sequence[str]): Ids of the images.
        suffix (str | Sequence[str]): End of the image files, not part of the ids.

    Returns:
        tuple[dict[str, set[int]], list[str]]: Tags by id, of other images by their name;
        and a line for each way in which names matched that were not alike.

    Raises:
        ValueError: A name could be several images, or two names one image.
    """
    plain = {name: image_id(name, suffix) for name in tags}
    ids, notes = match_names(list(tags), images, plain.get)
    matched: Tags = {}
    for name, labels in tags.items():
        matched.setdefault(ids[name], set()).update(labels)
    return matched, notes


def _sets(found, resolve: Callable[[object], object]) -> dict[str, set]:
    """Tags by image; ``resolve`` may give names instead of ids."""
    resolved, tags = {}, {image: set() for image in found.tags.images}
    rows = zip(found.tags.image_index, found.tags.label, found.tags.present)
    for image, label, present in rows:
        if label not in resolved:
            try:
                resolved[label] = resolve(found.classes[label])
            except ValueError as error:
                raise ValueError(f'{found.path}: {found.first[label]}: {error}') from None
        if present:
            tags[found.tags.images[image]].add(resolved[label])
    _tell_absent(found, resolved, tags)
    return tags


def _tell_absent(found, resolved: dict[int, object], tags: dict[str, set]) -> None:
    """What statements that a class is absent come to."""
    absent = np.flatnonzero(~np.asarray(found.tags.present, bool)).tolist()
    if not absent:
        return
    pairs = [(found.tags.images[found.tags.image_index[i]], i) for i in absent]
    both = [name for name, i in pairs if resolved[found.tags.label[i]] in tags[name]]
    text = (
        f'{found.path}: {len(absent)} statements that a class is absent; a class that is '
        'not mentioned counts as absent as well'
    )
    if both:
        text += f'. {len(both)} contradict a tag, which counts, such as that of {both[0]}'
    tell(text, logging.WARNING if both else logging.INFO)
