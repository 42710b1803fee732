"""Do positions and names of a source fit the images? Never guessed, always said."""

import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Mapping, Sequence

import numpy as np

# Fewer positions than this prove nothing.
FEW, SOME = 4, 20
LARGE_SIDE = 200
UPLOAD_PREFIX = re.compile(r'(^|/)[0-9a-f]{8}-(?=[^/]+$)')


def _nfc(name: str) -> str:
    return unicodedata.normalize('NFC', name)


def last_part(name: str) -> str:
    """File of a path."""
    return name.rsplit('/', 1)[-1]


# How a name may differ from an image's: what is told, key of the name, key of the image.
WAYS = (
    ('in another Unicode form', _nfc, _nfc),
    ("without an upload's prefix", lambda name: UPLOAD_PREFIX.sub(r'\1', name), str),
    ('by the last part of their path', last_part, last_part),
)


def check_positions(points: np.ndarray, sizes: np.ndarray) -> list[str]:
    """Refuse positions in another unit or order than pixels, column first.

    Args:
        points (np.ndarray): (m, 2) column and row.
        sizes (np.ndarray): (m, 2) width and height of the image of each point.

    Returns:
        list[str]: What looks odd but may be right, one line each.

    Raises:
        ValueError: They are fractions of the size, or row first.
    """
    if len(points) < FEW:
        return []
    low, high = points.min(), points.max()
    if low >= 0 and high <= 1 and np.any(points % 1) and np.median(sizes) > FEW:
        raise ValueError(
            f'all {len(points)} positions lie between 0 and 1: fractions of the image? '
            'Pixels are expected, multiply by width and height'
        )
    outside = ~((points >= 0) & (points < sizes)).all(axis=1)
    swapped = ~((points[:, ::-1] >= 0) & (points[:, ::-1] < sizes)).all(axis=1)
    if outside.sum() >= max(FEW, 0.05 * len(points)) and not swapped.any():
        raise ValueError(
            f'{outside.sum()} of {len(points)} positions lie outside their image as (x, y) '
            'and none as (y, x): are the axes swapped? Columns come first'
        )
    large = np.median(sizes, axis=0).min() >= LARGE_SIDE
    if len(points) >= SOME and low >= 0 and high <= 100 and large:
        width, height = np.median(sizes, axis=0).astype(int)
        return [
            f'no position exceeds 100, images are {width}x{height}: if they are percent, '
            'multiply by the size'
        ]
    return []


def check_sizes(
    told: Mapping[str, tuple[int, int]], sizes: Mapping[str, tuple[int, int]]
) -> None:
    """Refuse positions in images of another size than the files have.

    Args:
        told (Mapping): Name in a source to the width and height that it tells.
        sizes (Mapping): Name in a source to width and height of the upright file.

    Raises:
        ValueError: They differ; photographs were resized, or turned by their EXIF tag.
    """
    for name, size in told.items():
        right = tuple(sizes.get(name, size))
        if right != tuple(size):
            raise ValueError(
                f'image {name!r}: annotated at {size[0]}x{size[1]}, the file is '
                f'{right[0]}x{right[1]} (upright): take the files that were annotated'
            )


def match_names(
    names: Sequence[str], images: Sequence[str], plain: Callable[[str], str]
) -> tuple[dict[str, str], list[str]]:
    """Find the image that each name of a source is meant for.

    A name that is no image's may be one in another Unicode form, behind the prefix that
    Label Studio gives an upload, or below other folders. Each is told. Where folders hold
    images of the same names, a name in one folder is none of another's.

    Args:
        names (Sequence[str]): Names in the source.
        images (Sequence[str]): Ids of the images.
        plain (Callable): Makes an id of a name (removes the suffix).

    Returns:
        tuple[dict[str, str], list[str]]: Name to id, of those with no image their own; and
        one line for each way in which names matched.

    Raises:
        ValueError: A name could be several images, or two names one image.
    """
    ids, notes = set(images), []
    found = {name: plain(name) for name in names}
    for text, of_name, of_image in WAYS:
        lost = [name for name in names if found[name] not in ids]
        if not lost:
            break
        keys: dict[str, list[str]] = {}
        for image in images:
            keys.setdefault(of_image(image), []).append(image)
        hits = {name: keys.get(of_name(found[name]), []) for name in lost}
        if of_name is last_part:
            hits = _without_other_folders(hits, found, ids)
        for name, fits in hits.items():
            if len(fits) > 1:
                raise ValueError(
                    f'{name!r} could be {" or ".join(sorted(fits)[:3])}: write paths alike'
                )
            found[name] = fits[0] if fits else found[name]
        matched = [name for name, fits in hits.items() if fits]
        if matched:
            example = f'{matched[0]} for {found[matched[0]]}'
            notes.append(f'{len(matched)} names match {text}, such as {example}')
    refuse_collisions({name: found[name] for name in names if found[name] in ids})
    return found, notes


def _without_other_folders(
    hits: dict[str, list[str]], found: dict[str, str], ids: set[str]
) -> dict[str, list[str]]:
    """Take out what a split list left out: ``b/1`` is not ``a/1`` if that is named too."""
    taken = ids & set(found.values())
    times = Counter(map(last_part, found.values()))

    def other(name: str, image: str) -> bool:
        if '/' not in name or '/' not in image:
            return False
        return not (name.endswith(f'/{image}') or image.endswith(f'/{name}'))

    kept = {}
    for name, fits in hits.items():
        path = found[name]
        sure = len(fits) == 1 and fits[0] not in taken and times[last_part(path)] == 1
        kept[name] = [image for image in fits if sure or not other(path, image)]
    return kept


def refuse_collisions(found: Mapping[str, str], what: str = 'image {!r}') -> None:
    """Labels under two names of one image may be those of two.

    Args:
        found (Mapping): Name in a source to image.
        what (str): What an image is called, ``{}`` where its name goes.

    Raises:
        ValueError: There are such.
    """
    owners: dict[str, str] = {}
    for name, image in found.items():
        other = owners.setdefault(image, name)
        if other != name:
            raise ValueError(f'{other!r} and {name!r} are both the {what.format(image)}')
