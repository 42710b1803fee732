"""Labels that a network learns from: live masks where they are sure, and all clicks."""

import hashlib
import json
import logging
import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path, PurePosixPath

import numpy as np
from mmengine.logging import print_log
from torch import Tensor

from .._files import write_json
from ..constants import IGNORE_INDEX
from ..datasets.pseudo_label_folder import REPORT
from ..labelling.folder import LabelFolder
from ..visualization.palette import distinct_palette
from .journal import Click
from .pyramid import along
from .session import LiveSession

# Less likely pixels get no label. Chosen on photographs of train: docs/appendix/live.md.
SURE = 0.5


def sure_labels(
    probs: Tensor, clicks: Iterable[Click], classes: Sequence[str], sure: float = SURE
) -> np.ndarray:
    """Label map of an image.

    Args:
        probs (Tensor): (C, H, W) in the size of the image, sum 1 over the classes.
        clicks (Iterable[Click]): Of the image; pixels under them are labelled as they say,
            those where a click denies the label get none.
        classes (Sequence[str]): Names of the C classes.
        sure (float): Least probability of a label, in [0, 1].

    Returns:
        np.ndarray: (H, W) uint8, 255 where the model is not sure.
    """
    top, best = probs.max(0)
    labels = best.byte().numpy()
    labels[(top < sure).numpy()] = IGNORE_INDEX
    for click in clicks:
        x, y = along(np.array(click.points), 1.0).astype(int).T
        # A photograph may have been replaced by a smaller one.
        inside = (x >= 0) & (y >= 0) & (x < labels.shape[1]) & (y < labels.shape[0])
        x, y = x[inside], y[inside]
        label = classes.index(click.name)
        if click.denied:
            here = labels[y, x]
            labels[y, x] = np.where(here == label, IGNORE_INDEX, here)
        else:
            labels[y, x] = label
    return labels


def label_names(images: Sequence[str]) -> dict[str, str]:
    """Image to the name of its mask, the path without suffix.

    Raises:
        ValueError: Two images would share a mask.
    """
    taken: dict[str, str] = {}
    for image in images:
        other = taken.setdefault(str(PurePosixPath(image).with_suffix('')), image)
        if other != image:
            raise ValueError(
                f'{other} and {image} would share a mask: give one another name'
            )
    return {image: name for name, image in taken.items()}


def write_labels(
    session: LiveSession, folder: str | os.PathLike, sure: float = SURE
) -> Iterator[tuple[str, Tensor]]:
    """Label all images, for :class:`~mmseg_weak.datasets.PseudoLabelDataset`.

    Labels that are there stay if they were made from the same clicks, so an interrupted
    call goes on. Images that cannot be read get none. ``report.json`` is written last.

    Args:
        session (LiveSession): See :meth:`~mmseg_weak.live.session.LiveSession.frozen` if
            it may change meanwhile.
        folder (str | os.PathLike): Where to.
        sure (float): See :func:`sure_labels`.

    Yields:
        tuple[str, Tensor]: Image and probabilities (C, H, W), as each is labelled.

    Raises:
        ValueError: There is no click, two images would share a label, no image can be
            read, or the folder cannot be written.
    """
    names = label_names(session.images)
    classes, clicks = session.classes, session.clicks
    labels = LabelFolder(
        Path(folder), _settings(session, sure), tuple(classes), distinct_palette(classes)
    )
    labels.prepare(overwrite=True)
    for i in sorted(labels.missing(list(names.values()))):
        image = session.images[i]
        try:
            probs = session.probabilities(image, session.size(image))
        except (OSError, ValueError) as error:
            print_log(f'{image} gets no label: {error}', 'current', logging.WARNING)
            continue
        own = [click for click in clicks if click.image == image]
        labels.write(names[image], sure_labels(probs, own, classes, sure))
        yield image, probs
    labelled = len(names) - len(labels.missing(list(names.values())))
    if not labelled:
        raise ValueError(f'no image of {session.photos} can be read')
    write_json(labels.path / REPORT, dict(images=labelled, clicks=len(clicks)))


def _settings(session: LiveSession, sure: float) -> dict:
    """What the labels depend on."""
    marks = [(c.image, c.points, c.name, c.denied) for c in session.clicks]
    text = json.dumps([session.images, marks])
    return dict(
        made_by='live masks and clicks',
        sure=sure,
        network=session.pyramid.digest,
        profile=session.model().profile,
        seed=session.seed,
        clicks=hashlib.sha256(text.encode()).hexdigest(),
    )
