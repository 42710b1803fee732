"""The verb ``init``: look, say what there is, write a config."""

import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path, PurePosixPath

import numpy as np
from torch.cuda import is_available

from .._files import replace_file, write_json
from ..datasets.class_splits import BACKGROUND
from ..datasets.formats import write_annotations
from ..datasets.image_files import image_id
from ..models.backbones.package_weights import package_file
from .backbone_text import Backbone
from .config_text import config_text
from .mixed_text import mixed_texts
from .report import describe, held_out, warnings
from .road_text import labellers, road_texts, tag_texts
from .survey import Survey, read_labels, survey

CONFIG, TRAIN, HELD_OUT, LABELS = 'config.py', 'train.txt', 'held_out.txt', 'labels.json'
TAGS = 'tags.json'
# What stands beside the config: a way of several stages.
BESIDE = {
    'clicks': ('student.py', 'stages.py'),
    'tags': ('student.py', 'stages.py'),
    'masks and tags': ('lnet.py', 'seeds.py', 'stages.py'),
}
NO_SCORES = 'Scores need masks, and these were made by a model.'
# Objects this far apart are still told apart by a network of stride 4.
APART = 16
MOST = 1600


def init(
    photos: str | os.PathLike,
    labels: str | os.PathLike | Sequence[str | os.PathLike] | None = None,
    out: str | os.PathLike = 'project',
    classes: Sequence[str] | None = None,
    long_side: int | None = None,
    budget: str | None = None,
    overwrite: bool = False,
    backbone: str | None = None,
) -> list[str]:
    """Write a config for photographs and labels, and say what was found.

    Args:
        photos (str | os.PathLike): Folder of photographs.
        labels (str | os.PathLike | Sequence, optional): Clicks or tags in any format that
            is read, a folder of masks or of labels that a model made; or both masks of
            some classes and tags for the rest. Without, the folder is only looked at.
        out (str | os.PathLike): Folder of the config. Defaults to ``project``.
        classes (Sequence[str], optional): Names of the classes, in the order of their ids.
        long_side (int, optional): Size at which photographs are trained on. Chosen by the
            size of the photographs and the distance of clicks by default.
        budget (str, optional): ``trial``, ``quick`` or ``full``, 100, 600 or 1,500
            iterations a training; quick without a GPU by default.
        overwrite (bool): Replace a config that is there.
        backbone (str, optional): Model of transformers instead of EfficientNet-Lite0:
            folder, or name on the hub. See docs/foundation.md.

    Returns:
        list[str]: What was found and written, one line each.

    Raises:
        FileNotFoundError: Photographs or labels do not exist.
        ValueError: See :func:`~mmseg_weak.project.survey.survey`; the config exists; no
            class can be learnt; the backbone cannot be read.
    """
    out, below = Path(out), None if backbone is None else Backbone.read(backbone)
    found = survey(photos, labels, classes, leave_out=out)
    lines = describe(found) + [f'! {line}' for line in warnings(found)]
    if not found.kind:
        return [*lines, 'no labels yet: mmseg-weak annotate ' + found.folder]
    if found.kind == 'tags' and BACKGROUND not in found.classes:
        found = replace(found, classes=(BACKGROUND, *found.classes))
    if len(found.classes) < 2:
        raise ValueError(
            f'{found.labels}: {found.classes[0]!r} is the only class: label what is not '
            f'{found.classes[0]!r} as well, as {BACKGROUND!r}'
        )
    _refuse_loss(found, out, overwrite)
    kept = [] if found.tags or found.kind == 'labels' else held_out(found)
    long_side = long_side or choose_long_side(found, is_available())
    budget = budget or ('full' if is_available() else 'quick')
    _write(found, out, kept, long_side, budget, below)
    lines += _weights() if below is None else []
    return [*lines, *_closing(found, out, kept, long_side, budget)]


def _refuse_loss(found: Survey, out: Path, overwrite: bool) -> None:
    """Nothing is overwritten unasked, and never the labels that the user gave.

    Raises:
        ValueError: A file that would be written exists, or holds the labels.
    """
    names = [CONFIG, TRAIN, HELD_OUT, *BESIDE.get(found.kind, ())]
    names += [TAGS] * bool(found.tags) + [LABELS] * _are_copied(found)
    given = {Path(path).resolve() for path in (found.labels, found.tags)}
    for path in (out / name for name in names):
        if path.resolve() in given:
            raise ValueError(f'{path} holds the labels: move it, or choose another --out')
        if path.exists() and not overwrite:
            raise ValueError(f'{path} exists: --overwrite it, or choose another --out')


def _are_copied(found: Survey) -> bool:
    """Whether labels know photographs by another name than a data set looks for."""
    suffix = _suffix(found)
    if found.kind == 'tags' and os.path.isdir(found.labels):
        return True  # folders of classes may be those of the photographs
    return not found.kind.startswith('masks') and not all(
        name in (photo, image_id(photo, suffix)) for photo, name in found.names.items()
    )


def _suffix(found: Survey) -> str | tuple[str, ...]:
    """Suffixes of the labelled photographs."""
    suffixes = sorted({PurePosixPath(photo).suffix.lower() for photo in found.marks})
    return suffixes[0] if len(suffixes) == 1 else tuple(suffixes)


def _write(
    found: Survey,
    out: Path,
    kept: Sequence[str],
    long_side: int,
    budget: str,
    backbone: Backbone | None,
) -> None:
    """Write lists of photographs, labels if they have to be copied, and the config last."""
    source, suffix = _labels(found, out)
    _write_list(out / TRAIN, sorted(found.marks.keys() - set(kept)), suffix)
    if kept:
        _write_list(out / HELD_OUT, kept, suffix)
    values = dict(
        facts=f'{len(found.photos)} photographs, {len(found.marks)} with {found.kind}.',
        budget=budget,
        classes=found.classes,
        long_side=long_side,
        crop=choose_crop(long_side, is_available()),
        images=found.folder,
        suffix=suffix,
        workers=min(4, os.cpu_count() or 1),
        train_list=(out / TRAIN).as_posix(),
        held_out_list=(out / HELD_OUT).as_posix(),
        backbone=backbone,
    )
    for name, content in _texts(found, out, source, bool(kept), values).items():
        with replace_file(out / name) as temporary:
            temporary.write_text(content, encoding='utf-8')


def _texts(
    found: Survey, out: Path, source: str, held_out: bool, values: dict
) -> dict[str, str]:
    """File name to text of all configs, the one that others build on last."""
    folder, device = out.as_posix(), 'cuda' if is_available() else 'cpu'
    if found.tags:
        weak = [n for n in found.classes if n not in (*found.strong, BACKGROUND)]
        values.update(strong=list(found.strong), weak=weak)
        return mixed_texts(folder, _write_tags(found, out), source, device, **values)
    values['work_dir'] = f'{folder}/training'
    if found.kind == 'labels':
        values['unscored'] = NO_SCORES
    words = (found.kind, source, held_out, found.says_no)
    texts = {CONFIG: config_text(*words, **values)}
    if found.kind == 'clicks':
        background, side = BACKGROUND in found.classes, values['long_side']
        workers = labellers(device, values['workers'])
        features = values['backbone'] is None
        road = road_texts(folder, source, background, features, side, device, workers)
        texts = {**road, **texts}
    if found.kind == 'tags':
        texts = {**tag_texts(folder, source, device, **values), **texts}
    return texts


def _write_tags(found: Survey, out: Path) -> str:
    """Tags of all photographs, those of masks too."""
    tags = {photo: sorted(names) for photo, names in sorted(found.marks.items())}
    write_json(out / TAGS, tags)
    return (out / TAGS).as_posix()


def choose_long_side(found: Survey, gpu: bool) -> int:
    """Size of photographs for the network, in pixels of the long side.

    That of most photographs, as far as the machine is fast enough; larger where clicks are
    so close that their objects would melt together.

    Args:
        found (Survey): Photographs and labels.
        gpu (bool): Whether there is a GPU.
    """
    own = int(np.median(found.sizes.max(1)))
    side = min(own, 800 if gpu else 400)
    if found.spacing > 0:
        side = max(side, min(own, MOST, round(own * APART / found.spacing)))
    return side


def choose_crop(long_side: int, gpu: bool) -> int:
    """Side of the crops of training: a multiple of 32, less than the photograph."""
    most = 512 if gpu else 160
    return max(64, min(most, 32 * round(0.6 * long_side / 32)))


def _labels(found: Survey, out: Path) -> tuple[str, str | tuple[str, ...]]:
    """Labels and suffixes as a data set takes them.

    Where labels know photographs by the file name alone, they are copied under the names
    below the folder.
    """
    suffix = _suffix(found)
    if found.kind.startswith('masks'):
        if len({PurePosixPath(photo).suffix for photo in found.marks}) > 1:
            raise ValueError(
                f'{found.folder}: photographs with masks have several suffixes; give '
                'them one'
            )
        return found.labels, PurePosixPath(min(found.marks)).suffix
    if not _are_copied(found):
        return found.labels, suffix
    photo_of = {name: photo for photo, name in found.names.items()}
    read = read_labels(found.labels, found.folder)
    # In the package's own JSON, which holds scribbles and names with any characters.
    write_annotations(out / LABELS, read.of_images(photo_of), found.kind)
    return (out / LABELS).as_posix(), suffix


def _write_list(path: Path, photos: Sequence[str], suffix: str | tuple[str, ...]) -> None:
    with replace_file(path) as temporary:
        lines = (f'{image_id(photo, suffix)}\n' for photo in photos)
        temporary.write_text(''.join(lines), encoding='utf-8')


def _weights() -> list[str]:
    """A line where the weights of the network are not there."""
    try:
        package_file('efficientnet-lite0')
    except FileNotFoundError as error:
        return [f'! ImageNet weights are not there yet: {error}']
    return []


def _closing(
    found: Survey, out: Path, kept: Sequence[str], long_side: int, budget: str
) -> list[str]:
    """What was written, and what to do next."""
    share = f'{len(kept)} of {len(found.marks)} labelled photographs'
    if found.tags:
        share = 'none, scores need masks of the classes with tags alone'
    if found.kind == 'labels':
        share = 'none, scores need masks that no model made'
    lines = [
        f'held out for scoring: {share}; long side {long_side} pixels; budget {budget}'
    ]
    path = out.as_posix()
    train, last, folder = f'train {path}/{CONFIG}', CONFIG, 'training'
    beside = BESIDE.get(found.kind, ())
    if beside:
        train, folder = f'stages {path}/stages.py', 'segmenter'
    if 'student.py' in beside:
        last, folder = 'student.py', 'student'
    network = f'{path}/{last} {path}/{folder}'
    return [
        *lines,
        f'written: {path}/{", ".join([CONFIG, *beside])}',
        'next:',
        f'  mmseg-weak {train}',
        f'  mmseg-weak predict {network} {found.folder} --out {path}/results',
    ]
