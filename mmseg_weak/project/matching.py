"""Which photograph a name in labels means, and which class a misspelt one."""

from collections.abc import Mapping, Sequence
from pathlib import PurePosixPath

from ..datasets.image_files import IMAGE_SUFFIXES

# A class so many times as frequent may be what a rare one was meant to be.
CLEARLY = 4


def match_photos(names: Sequence[str], photos: Sequence[str]) -> dict[str, str]:
    """Photograph of each name: path with or without suffix, or file name if unique.

    Cameras write ``.JPG`` and programs ``.jpg``: capitals count only where they must. A
    name with the suffix of another format means the one photograph that is called so
    otherwise, unless another name means that already.

    Args:
        names (Sequence[str]): Names in labels.
        photos (Sequence[str]): Relative paths of the photographs.

    Returns:
        dict[str, str]: Name to photograph, where there is just one.
    """
    keys: dict[str, set[str]] = {}
    for photo in photos:
        path = PurePosixPath(photo)
        for key in (photo, str(path.with_suffix('')), path.name, path.stem):
            keys.setdefault(key, set()).add(photo)
            keys.setdefault(key.lower(), set()).add(photo)
    plain = {name: name.replace('\\', '/').removeprefix('./') for name in names}
    found = {name: photo for name, key in plain.items() if (photo := _one(key, keys))}
    taken = set(found.values())
    for name, key in plain.items():
        if name not in found and key.lower().endswith(IMAGE_SUFFIXES):
            photo = _one(str(PurePosixPath(key).with_suffix('')), keys)
            if photo is not None and photo not in taken:
                found[name] = photo
                taken.add(photo)
    return found


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


def _one(key: str, keys: Mapping[str, set[str]]) -> str | None:
    """The only photograph that a name can mean."""
    candidates = keys.get(key) or keys.get(PurePosixPath(key).name, set())
    exact = {p for p in candidates if key in (p, str(PurePosixPath(p).with_suffix('')))}
    chosen = exact or candidates
    return next(iter(chosen)) if len(chosen) == 1 else None


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
