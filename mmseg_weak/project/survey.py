"""What a folder of photographs and a source of labels hold."""

import difflib
import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath

import numpy as np

from .._messages import shortened
from ..datasets.class_resolver import as_integer
from ..datasets.class_splits import BACKGROUND
from ..datasets.click_table import ClickTable
from ..datasets.formats import Annotations, ReadOptions, read_annotations
from ..datasets.formats.checks import check_sizes
from ..datasets.image_checks import image_sizes
from ..datasets.image_files import image_id
from ..prediction.photos import find_photos
from .click_places import check_places
from .masks import label_classes, mask_values, masks_of
from .matching import match_photos, other_suffixes

# A class with fewer clicks, or clicked in fewer photographs, is hardly learnt.
FEW = 10


@dataclass
class Survey:
    """Photographs and what is known of them.

    Attributes:
        folder (str): Folder of the photographs.
        photos (list[str]): Relative paths, sorted.
        sizes (np.ndarray): (n, 2) width and height of the upright photographs.
        labels (str): File or folder of the labels, '' without.
        kind (str): ``clicks``, ``tags``, ``masks``, ``labels`` (masks that a model made),
            or '' without labels.
        classes (tuple[str, ...]): Names, the background first.
        names (dict[str, str]): Labelled photograph to its name in the labels.
        marks (dict[str, Counter]): Labelled photograph to its marks of each class.
        spacing (float): Distance in pixels that a quarter of the clicks have to the next
            of their class or less; NaN without clicks. Small objects lie close.
        says_no (bool): Whether some clicks say "not this class".
        unknown (list[str]): Names in the labels that no photograph has.
        notes (list[str]): What else the user should read.
        strong (tuple[str, ...]): Beside tags: the classes that have masks.
        tags (str): Beside masks: the file of the tags, '' without.
        maskless (list[str]): Photographs with tags of ``strong`` classes alone and without
            the mask that these need.
        classes_given (bool): Whether the user named the classes.
    """

    folder: str
    photos: list[str]
    sizes: np.ndarray
    labels: str = ''
    kind: str = ''
    classes: tuple[str, ...] = ()
    names: dict[str, str] = field(default_factory=dict)
    marks: dict[str, Counter] = field(default_factory=dict)
    spacing: float = float('nan')
    says_no: bool = False
    unknown: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    strong: tuple[str, ...] = ()
    tags: str = ''
    maskless: list[str] = field(default_factory=list)
    classes_given: bool = False

    @property
    def suffixes(self) -> Counter:
        """Suffixes of the photographs as they are written."""
        return Counter(PurePosixPath(photo).suffix for photo in self.photos)

    def totals(self) -> Counter:
        """Marks of each class."""
        return sum(self.marks.values(), Counter())

    def images_of(self) -> Counter:
        """Photographs with a mark of each class."""
        return Counter(name for counts in self.marks.values() for name in counts)


def survey(
    folder: str | os.PathLike,
    labels: str | os.PathLike | Sequence[str | os.PathLike] | None = None,
    classes: Sequence[str] | None = None,
    leave_out: str | os.PathLike = '',
) -> Survey:
    """Look at photographs and labels.

    Args:
        folder (str | os.PathLike): Folder of photographs, with sub-folders.
        labels (str | os.PathLike | Sequence, optional): Clicks or tags in any format that
            is read, a folder of masks or of labels that a model made; or both masks and
            tags.
        classes (Sequence[str], optional): Names of the classes, in the order of their ids.
            Needed where the labels know them by number.
        leave_out (str | os.PathLike, optional): A folder in it that holds results.

    Returns:
        Survey: What was found.

    Raises:
        FileNotFoundError: Photographs or labels do not exist.
        ValueError: There are no photographs, some are damaged, the labels are of no known
            format, of other photographs, name classes by number, or cannot be meant.
    """
    folder = os.fspath(folder)
    if os.path.isfile(folder):
        raise ValueError(
            f'{folder} is a file: the folder of photographs comes first, then the labels'
        )
    photos = find_photos(folder, leave_out)
    sizes = image_sizes([os.path.join(folder, photo) for photo in photos])
    found = Survey(folder, photos, sizes, classes_given=bool(classes))
    sources = [labels] if isinstance(labels, (str, os.PathLike)) else list(labels or ())
    if not sources:
        return found
    if len(sources) > 1:
        return _both(found, sources, classes)
    found.labels = os.fspath(sources[0])
    masks = masks_of(found.labels, photos, folder) if os.path.isdir(found.labels) else {}
    if masks:
        made = label_classes(found.labels, classes)
        _add_masks(found, masks, made or classes)
        if made:
            found.kind, suffixes = 'labels', {s.lower() for s in found.suffixes}
            found.names = {photo: image_id(photo, tuple(suffixes)) for photo in masks}
    else:
        read = read_labels(found.labels, folder)
        _add_annotations(found, read, classes)
    return found


def read_labels(path: str, photos: str) -> Annotations:
    """Clicks or tags in any format that is read, tags by folder too.

    Args:
        path (str): File or folder.
        photos (str): Folder of the photographs.

    Raises:
        FileNotFoundError: It does not exist.
        ValueError: It is of no known format, or an entry is malformed.
    """
    return read_annotations(path, options=ReadOptions(images=photos), wanted='any')


def _both(found: Survey, sources: Sequence, classes: Sequence[str] | None) -> Survey:
    """Masks of some classes and tags of the rest.

    Raises:
        ValueError: It is another pair, no class has tags alone, or none has masks.
    """
    names = [os.fspath(source) for source in sources]
    masks = {name: masks_of(name, found.photos, found.folder) for name in names}
    folders = [name for name in names if masks[name]]
    if len(names) != 2 or len(folders) != 1:
        raise ValueError(
            f'{", ".join(names)}: several labels can only be a folder of masks of these '
            'photographs and a file of tags for the rest (docs/masks_and_tags.md)'
        )
    strong, weak = (replace(found, names={}, marks={}, notes=[]) for _ in range(2))
    strong.labels = folders[0]
    weak.labels = next(name for name in names if name != folders[0])
    _add_masks(strong, masks[strong.labels], classes)
    read = read_labels(weak.labels, found.folder)
    _add_annotations(weak, read, None)
    if weak.kind != 'tags':
        raise ValueError(f'{weak.labels}: beside masks there can be tags alone, no clicks')
    drawn = tuple(n for n in strong.classes if n in strong.totals() and n != BACKGROUND)
    tagged = [n for n in weak.classes if n not in drawn and n != BACKGROUND]
    if not drawn or not tagged or strong.classes[0] != BACKGROUND:
        raise ValueError(
            f'{strong.labels}, {weak.labels}: masks of some classes and tags of others '
            f'need {BACKGROUND!r} first, a class in the masks and one in the tags alone; '
            f'there are {", ".join(drawn) or "none"} and {", ".join(tagged) or "none"}'
        )
    marks = {
        photo: Counter(n for n in counts if n != BACKGROUND)
        for photo, counts in {**strong.marks, **weak.marks}.items()
    }
    # Nothing but a mask would teach them.
    maskless = [p for p, n in marks.items() if p not in strong.marks and set(n) <= {*drawn}]
    return replace(
        weak,
        maskless=maskless,
        kind='masks and tags',
        labels=strong.labels,
        tags=weak.labels,
        marks={p: counts for p, counts in marks.items() if p not in maskless},
        strong=drawn,
        classes=tuple(dict.fromkeys([*strong.classes, *tagged])),
    )


def _add_masks(found: Survey, masks: dict[str, str], classes: Sequence[str] | None) -> None:
    """Masks: their values are the classes."""
    found.kind, found.names = 'masks', masks
    values = {p: mask_values(Path(found.labels) / mask) for p, mask in masks.items()}
    largest = max(max(seen, default=0) for seen in values.values())
    if classes is None or largest >= len(classes):
        given = '' if classes is None else f', and --classes names {len(classes)}'
        raise ValueError(
            f'{found.labels}: masks hold the values 0 to {largest}{given}: name them in '
            'order, such as --classes background cat (255 is for unknown pixels)'
        )
    found.classes = tuple(classes)
    found.marks = {p: Counter(classes[v] for v in seen) for p, seen in values.items()}


def _add_annotations(
    found: Survey, read: Annotations, classes: Sequence[str] | None
) -> None:
    """Clicks or tags: whatever there is more of."""
    found.kind = 'clicks' if len(read.clicks) else 'tags'
    found.notes += read.notes
    left = [f'{n} {name} ({why})' for (why, name), n in sorted(read.left_out.items())]
    text = shortened(', '.join(left)).replace('  ', ' ')
    table = read.clicks if found.kind == 'clicks' else read.tags
    if not len(table):
        raise ValueError(
            f'{found.labels}: holds neither clicks nor tags'
            + f'; left out: {text}' * bool(left)
            + '. Masks are read as a folder of PNGs of class ids, not from an export'
        )
    found.notes += [f'left out of {found.labels}: {text}'] * bool(left)
    kept = ~table.negative if found.kind == 'clicks' else table.present
    names = [_name(read, i, classes) for i in range(len(read.classes))]
    used = {names[i] for i in table.label.tolist()}
    found.classes = tuple(classes) if classes else _in_order(read, used)
    try:
        photo_of = match_photos(table.images, found.photos)
    except ValueError as error:
        raise ValueError(f'{found.labels}: {error}') from None
    found.unknown = [name for name in table.images if name not in photo_of]
    found.notes += other_suffixes(photo_of)
    if not photo_of:
        raise ValueError(
            f'{found.labels}: names {", ".join(table.images[:2])}, and no photograph of '
            f'{found.folder} is called so; they are {", ".join(found.photos[:2])}'
        )
    for image, label in zip(table.image_index[kept], table.label[kept]):
        photo = photo_of.get(table.images[image])
        if photo is not None:
            found.names[photo] = table.images[image]
            found.marks.setdefault(photo, Counter())[names[label]] += 1
    if found.kind == 'clicks':
        _check_clicks(found, table, photo_of, read.sizes)
        found.spacing = _spacing(table)
        found.says_no = bool(table.negative.any())


def _check_clicks(
    found: Survey,
    clicks: ClickTable,
    photo_of: dict[str, str],
    told: dict[str, tuple[int, int]],
) -> None:
    """What training would refuse, such as percent for pixels, is refused here."""
    size_of = dict(zip(found.photos, found.sizes.tolist()))
    clicks = clicks.select(
        ~clicks.negative & np.array([image in photo_of for image in clicks.image], bool)
    )
    if not len(clicks):
        return
    sizes = np.array([size_of[photo_of[image]] for image in clicks.image])
    try:
        check_sizes(told, dict(zip(clicks.image, map(tuple, sizes.tolist()))))
        found.notes += check_places(clicks, sizes)
    except ValueError as error:
        raise ValueError(f'{found.labels}: {error}') from None


def _name(read: Annotations, i: int, classes: Sequence[str] | None) -> str:
    """Name of a class entry; numbers are positions in ``classes``.

    Raises:
        ValueError: It is a number and no names are given, or it is none of them.
    """
    value = read.classes[i]
    text = '' if value is None else str(value).strip()
    if classes and text in classes:
        return text
    number = as_integer(value)
    if number is not None and number >= 0:  # 1, 1.0 and '1.0' are ids of a training too
        numbers = ', '.join(sorted(map(str, set(read.classes)), key=lambda v: (len(v), v)))
        if classes is None:
            raise ValueError(
                f'{read.path}: classes are numbers ({numbers}): name them in the order of '
                'their numbers from 0, such as --classes background cat'
            )
        if number < len(classes):
            return classes[number]
    if classes or not text:
        close = difflib.get_close_matches(text, classes or (), n=1)
        hint = f', did you mean {close[0]!r}?' if close else ''
        raise ValueError(
            f'{read.path}: {read.first[i]}: '
            + (f'class {text!r} is not among --classes{hint}' if text else read.no_class())
        )
    return text


def _in_order(read: Annotations, used: set[str]) -> tuple[str, ...]:
    """Background first, then as the source declares them, then by name."""
    declared = [name for name in read.vocabulary or () if name in used]
    rest = sorted(used - set(declared))
    return tuple(
        sorted(dict.fromkeys([*declared, *rest]), key=lambda name: name != BACKGROUND)
    )


def _spacing(clicks) -> float:
    """Lower quartile of the distance to the next click of the class in the image."""
    nearest = []
    groups: dict[tuple[int, int], list[int]] = {}
    for i, key in enumerate(zip(clicks.image_index.tolist(), clicks.label.tolist())):
        groups.setdefault(key, []).append(i)
    for rows in groups.values():
        xy = clicks.xy[rows[:200]]
        if len(xy) > 1:
            distance = np.linalg.norm(xy[:, None] - xy, axis=-1)
            np.fill_diagonal(distance, np.inf)
            nearest.append(distance.min(1))
    return float(np.quantile(np.concatenate(nearest), 0.25)) if nearest else float('nan')
