"""Which photograph a name in labels means, and which class a misspelt one."""

import unicodedata
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import PurePosixPath

from ..datasets.formats.checks import UPLOAD_PREFIX, last_part, refuse_collisions
from ..datasets.image_files import IMAGE_SUFFIXES, image_id

# A class so many times as frequent may be what a rare one was meant to be.
CLEARLY = 4
Form = Callable[[str], str]


def match_photos(names: Sequence[str], photos: Sequence[str]) -> dict[str, str]:
    """Photograph of each name: path with or without suffix, or file name if unique.

    Cameras write ``.JPG`` and programs ``.jpg``, a Mac writes umlauts in two characters,
    Label Studio puts a prefix before what is uploaded: these count only where they must. A
    name in a folder that does not exist means the photograph of that file name, unless
    another name may mean that; so does a name with the suffix of another format.

    Args:
        names (Sequence[str]): Names in labels.
        photos (Sequence[str]): Relative paths of the photographs.

    Returns:
        dict[str, str]: Name to photograph, where there is just one.

    Raises:
        ValueError: Two names are one photograph.
    """
    plain = {name: name.replace('\\', '/').removeprefix('./') for name in names}
    found: dict[str, str] = {}
    for of_name, of_photo in ((str, str), (_plain, _plain), (_bare, _plain)):
        index = _index(photos, of_photo)
        for name, key in plain.items():
            fits = index.get(of_name(key), ())
            if name not in found and len(fits) == 1:
                found[name] = fits[0]
    refuse_collisions(found, 'photograph {}')
    for of_name in (_plain, _bare):
        keys = {n: of_name(key) for n, key in plain.items() if n not in found}
        found |= _by_last_part(keys, photos, set(found.values()))
    return found | _by_other_suffix(plain, photos, found)


def _plain(name: str) -> str:
    """A name without capitals, its characters composed."""
    return unicodedata.normalize('NFC', name).lower()


def _bare(name: str) -> str:
    """A plain name without the prefix of an upload."""
    return UPLOAD_PREFIX.sub(r'\1', _plain(name))


def _last(name: str) -> str:
    return last_part(_plain(name))


def _stem(name: str) -> str:
    return image_id(name, IMAGE_SUFFIXES)


def _index(photos: Sequence[str], form: Form) -> dict[str, list[str]]:
    """Photographs by a form of their names, and by it without suffix."""
    index: dict[str, list[str]] = {}
    for photo in photos:
        index.setdefault(form(photo), []).append(photo)
    whole = set(index)
    for photo in photos:
        if (stem := _stem(form(photo))) not in whole:
            index.setdefault(stem, []).append(photo)
    return index


def _by_last_part(
    keys: Mapping[str, str], photos: Sequence[str], taken: set[str]
) -> dict[str, str]:
    """Photographs of names below other folders: sure ones that nobody else means."""
    index, found = _index(photos, _last), {}
    times = Counter(_stem(last_part(key)) for key in keys.values())
    for name, key in keys.items():
        fits = index.get(last_part(key), [])
        same = [photo for photo in fits if _same_end(_stem(key), _stem(_plain(photo)))]
        if len(same) == 1 or (len(fits) == 1 and times[_stem(last_part(key))] == 1):
            found[name] = (same or fits)[0]
    meant = Counter(found.values())
    return {n: p for n, p in found.items() if meant[p] == 1 and p not in taken}


def _same_end(a: str, b: str) -> bool:
    """Whether one path, with a folder, is the end of the other."""
    short = min(a, b, key=len)
    return '/' in short and max(a, b, key=len).endswith(f'/{short}')


def _by_other_suffix(
    plain: Mapping[str, str], photos: Sequence[str], found: Mapping[str, str]
) -> dict[str, str]:
    """Photographs of another format than their names say, each once."""
    paths, parts, more = _index(photos, _plain), _index(photos, _last), {}
    keys = {
        name: _stem(_plain(key))
        for name, key in plain.items()
        if name not in found and key.lower().endswith(IMAGE_SUFFIXES)
    }
    times = Counter(map(last_part, keys.values()))
    for name, key in keys.items():
        alone = times[last_part(key)] == 1
        fits = paths.get(key) or (parts.get(last_part(key), []) if alone else [])
        if len(fits) == 1 and fits[0] not in {*found.values(), *more.values()}:
            more[name] = fits[0]
    return more


def other_suffixes(photo_of: Mapping[str, str]) -> list[str]:
    """A line where names have the suffix of another format than their photographs."""
    other = [
        name
        for name, photo in photo_of.items()
        if name.lower().endswith(IMAGE_SUFFIXES)
        and PurePosixPath(name).suffix.lower() != PurePosixPath(photo).suffix.lower()
    ]
    example = f', such as {other[0]} for {photo_of[other[0]]}' if other else ''
    return [f'{len(other)} names match with another suffix{example}'] if other else []


def meant_class(name: str, totals: Mapping[str, int], few: int) -> str | None:
    """The class that a misspelt name may stand for.

    Names that differ in capitals alone are one; of a rare class, one letter too many, too
    few, another or two exchanged are a slip. Digits tell classes apart: ``c1``, ``c2``.

    Args:
        name (str): A class.
        totals (Mapping[str, int]): Marks of each class.
        few (int): A class with fewer marks is rare.

    Returns:
        str | None: The most frequent class that is meant, None if there is none.
    """
    number, fits = totals[name], []
    for other, others in totals.items():
        if other == name or not number or others < number:
            continue
        capitals = other.casefold() == name.casefold()
        slip = number < few and others >= CLEARLY * number and _one_slip(name, other)
        if capitals or slip:
            fits.append(other)
    return max(fits, key=totals.__getitem__, default=None)


def _one_slip(a: str, b: str) -> bool:
    """Whether one edit, or two exchanged neighbours, of letters part two names."""
    a, b = sorted((a.casefold(), b.casefold()), key=len)
    if len(a) < 3 or len(b) - len(a) > 1:
        return False
    i = next((i for i, (x, y) in enumerate(zip(a, b)) if x != y), len(a))
    if b[i : i + 1].isdigit() or a[i : i + 1].isdigit():
        return False
    if len(a) < len(b):
        return a[i:] == b[i + 1 :]
    exchanged = a[i : i + 2] == b[i : i + 2][::-1] and a[i + 2 :] == b[i + 2 :]
    return exchanged or a[i + 1 :] == b[i + 1 :]
