"""Click, and see masks of all images at once."""

import copy
import logging
import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from itertools import islice
from pathlib import Path

import numpy as np
import torch
from mmengine.logging import print_log
from torch import Tensor

from .._tensors import evenly_spread
from ..datasets.class_splits import BACKGROUND
from ..prediction.photos import find_photos, nameable, read_photo
from .cache import FeatureCache
from .head import NUM_STANDARD, Samples, Standard
from .journal import Click, Journal, State
from .model import LiveModel
from .pyramid import FrozenPyramid, along, sample_maps
from .quality import ClickQuality, click_quality
from .suggestion import DEFAULT_RULE, Suggestion, suggest

# Distance of the points sampled from a scribble, as a share of the long side.
STROKE_STEP = 1 / 128


class LiveSession:
    """Clicks on a folder of photographs and a model that follows them.

    ``session = LiveSession('photos', ['background', 'cat'])``,
    ``session.click('a.jpg', 31, 52, 'cat')``, ``session.mask('b.jpg')``.

    Features of a frozen network are computed once an image. After a click a linear head is
    refitted to all clicks of all images. Masks depend on the clicks and the seed only.

    Args:
        photos (str | os.PathLike): Folder of images, sub-folders too. The image id is the
            path below it, with ``/``.
        classes (Sequence[str]): Class names of a new session; an opened one knows its own
            and gets those that it never had.
        work_dir (str | os.PathLike, optional): Where clicks and features are kept. Defaults
            to ``.mmseg_weak`` in the folder of photographs.
        pyramid (FrozenPyramid, optional): The network. Defaults to EfficientNet-Lite0.
        profile (str, optional): See :class:`~mmseg_weak.live.model.LiveModel`.
        seed (int): Of every draw. Defaults to 0.

    Raises:
        FileNotFoundError: The folder does not exist.
        ValueError: It holds no image, or the session file is damaged.
    """

    def __init__(
        self,
        photos: str | os.PathLike,
        classes: Sequence[str] = (),
        work_dir: str | os.PathLike | None = None,
        pyramid: FrozenPyramid | None = None,
        profile: str | None = None,
        seed: int = 0,
    ) -> None:
        self.photos = Path(photos)
        self.work_dir = Path(work_dir or self.photos / '.mmseg_weak')
        if self.photos.is_file():
            raise ValueError(f'{self.photos} is a file, give the folder of photographs')
        self.images = nameable(find_photos(self.photos, leave_out=self.work_dir))
        self.journal = Journal(self.work_dir / 'session.jsonl')
        for name in classes:
            if not self.journal.named(name):
                self.add_class(name)
        self.profile, self.seed = profile, seed
        self._known = set(self.images)
        self._tell_of_absent()
        self._sizes: dict[str, tuple[int, int]] = {}
        self.use(pyramid or FrozenPyramid())

    def _tell_of_absent(self) -> None:
        clicks = self.journal.state.clicks.values()
        absent = sorted({click.image for click in clicks} - self._known)
        if absent:
            print_log(
                f'{len(absent)} images with clicks are no longer in {self.photos}, such as '
                f'{absent[0]}: their clicks are kept and not used',
                'current',
                logging.WARNING,
            )

    def use(self, pyramid: FrozenPyramid) -> None:
        """Take the features of another network, for instance of one trained on the clicks.

        Args:
            pyramid (FrozenPyramid): The network.
        """
        self.pyramid = pyramid

        def compute(path: str) -> list[np.ndarray]:
            # Of this network, even if another one has been taken meanwhile.
            return pyramid(read_photo(Path(path)))

        self.cache = FeatureCache(self.work_dir / 'features', compute, pyramid.digest)
        self._standard: Standard | None = None
        self._rows: dict[Click, Tensor] = {}
        self._model: LiveModel | None = None
        self._fitted = -1

    # What a person does.

    @property
    def classes(self) -> list[str]:
        """Class names, in the order of the ids in masks."""
        return self.journal.state.classes

    @property
    def clicks(self) -> list[Click]:
        """All clicks on images that are there, in the order in which they were set."""
        clicks = self.journal.state.clicks.values()
        return [click for click in clicks if click.image in self._known]

    def click(self, image: str, x: float, y: float, name: str, no: bool = False) -> int:
        """Say what is at a place.

        Args:
            image (str): Image id.
            x, y (float): Pixels of the upright image; 0 <= x < width.
            name (str): Class.
            no (bool): The class is *not* there. Defaults to False.

        Returns:
            int: Id of the click, for :meth:`remove`.

        Raises:
            ValueError: Image or class is unknown, or the place is outside.
        """
        return self.scribble(image, [(x, y)], name, no)

    def scribble(
        self, image: str, points: Sequence[Sequence[float]], name: str, no: bool = False
    ) -> int:
        """Say what is along a line; arguments as for :meth:`click`."""
        if not self.holds(image, points):
            height, width = self.size(image)
            raise ValueError(
                f'{image}: a point of {list(points)} is outside, the image is {width} x '
                f'{height}'
            )
        number = self.journal.next_id
        points = [[float(x), float(y)] for x, y in points]
        operation = dict(op='add', id=number, image=image, points=points)
        self.journal.apply({**operation, 'class': name, **({'no': True} if no else {})})
        return number

    def remove(self, number: int) -> None:
        """Take a click back."""
        self.journal.apply(dict(op='remove', id=number))

    def undo(self) -> None:
        """Take the last operation back."""
        self.journal.apply(dict(op='undo'))

    def redo(self) -> None:
        """Do again what was taken back last."""
        self.journal.apply(dict(op='redo'))

    def add_class(self, name: str) -> None:
        """Add a class behind the others."""
        self.journal.apply(dict(op='class', name=name))

    def rename_class(self, name: str, to: str) -> None:
        """Give a class another name."""
        self.journal.apply(dict(op='rename', name=name, to=to))

    def merge_classes(self, name: str, to: str) -> None:
        """Give the clicks of a class to another and drop it."""
        self.journal.apply(dict(op='merge', name=name, to=to))

    # What the model says.

    def mask(self, image: str) -> np.ndarray:
        """Class ids, (H, W) uint8 in the size of the image.

        Raises:
            ValueError: There is no click yet, or the image is unknown.
        """
        probs = self.probabilities(image, self.size(image))
        return probs.argmax(0).byte().numpy()

    def probabilities(self, image: str, size: tuple[int, int] | None = None) -> Tensor:
        """Probabilities of the classes.

        Args:
            image (str): Image id.
            size (tuple[int, int], optional): Height and width of the result. Defaults to
                what the network sees.

        Returns:
            Tensor: (C, H, W) float32.

        Raises:
            ValueError: There is no click yet, or the image is unknown.
        """
        model, seen = self.model(), self.pyramid.size(*self.size(image))
        return model.probabilities(self.maps(image), self.pixels(image), seen, size)

    def model(self) -> LiveModel:
        """The model of all clicks so far; fitted when clicks have changed.

        Raises:
            ValueError: There is no click yet.
        """
        if self._fitted != self.journal.version:
            samples = self.samples()
            if not len(samples):
                raise ValueError('no click yet: the model knows nothing')
            if self._model is None or self._model.num_classes != len(self.classes):
                self._model = LiveModel(
                    self.standard(), len(self.classes), profile=self.profile, seed=self.seed
                )
            named = self.classes.index(BACKGROUND) if BACKGROUND in self.classes else None
            self._model.background = named
            self._model.fit(samples)
            self._fitted = self.journal.version
        return self._model

    def frozen(self) -> 'LiveSession':
        """The session as it is now, for another thread: later clicks do not change it.

        Raises:
            ValueError: There is no click yet.
        """
        model, state, frozen = self.model(), self.journal.state, copy.copy(self)
        frozen._model = copy.copy(model)
        frozen.journal = Journal()
        frozen.journal.state = State(list(state.classes), dict(state.clicks))
        frozen.journal.version = self.journal.version
        return frozen

    def suggest(self, rule: str = DEFAULT_RULE, image: str | None = None) -> Suggestion:
        """The place whose click would help most, see :func:`~mmseg_weak.live.suggestion.\
suggest`."""
        return suggest(self, rule, image)

    def quality(self) -> ClickQuality:
        """How good the model is, by clicks held out in turn.

        Returns:
            ClickQuality: ``suspicious`` holds ids of clicks.
        """
        samples = self.samples()
        found = click_quality(self.model(), samples, self.classes, self.seed)
        owners = [c.id for c in self.clicks for _ in range(len(self._features(c)))]
        ids = dict.fromkeys(owners[i] for i in found.suspicious)
        return replace(found, suspicious=list(ids))

    # Parts.

    def holds(self, image: str, points: Sequence[Sequence[float]]) -> bool:
        """Whether all points lie inside an image."""
        height, width = self.size(image)
        return all(0 <= x < width and 0 <= y < height for x, y in points)

    def size(self, image: str) -> tuple[int, int]:
        """Height and width of an upright image."""
        if image not in self._sizes:
            self._sizes[image] = self.pixels(image).shape[:2]
        return self._sizes[image]

    def pixels(self, image: str) -> np.ndarray:
        """An upright image, RGB, (H, W, 3) uint8."""
        if image not in self._known:
            raise ValueError(f'there is no image {image!r} in {self.photos}')
        return read_photo(self.photos / image)

    def maps(self, image: str) -> list[np.ndarray]:
        """Features of an image, see :class:`~mmseg_weak.live.pyramid.FrozenPyramid`."""
        if image not in self._known:
            raise ValueError(f'there is no image {image!r} in {self.photos}')
        return self.cache.get(str(self.photos / image))

    def standard(self) -> Standard:
        """Scale of the features, measured on images spread over the folder."""
        if self._standard is None:
            chosen = evenly_spread(len(self.images), NUM_STANDARD)
            images = list(self._readable([self.images[i] for i in chosen]))
            # All of these may be damaged, and the next one whole.
            images = images or list(islice(self._readable(self.images), 1))
            if not images:
                raise ValueError(f'no image of {self.photos} can be read')
            self._standard = Standard.measure(images)
        return self._standard

    def _readable(self, images: Iterable[str]) -> Iterator[list[np.ndarray]]:
        """Features of the images that can be read."""
        for image in images:
            with suppress(OSError, ValueError):
                yield self.maps(image)

    def samples(self) -> Samples:
        """Features and labels of all clicks."""
        clicks = self.clicks
        rows = [self._features(click) for click in clicks]
        counts = [len(row) for row in rows]
        index = {image: i for i, image in enumerate(self.images)}
        labels = [self.classes.index(click.name) for click in clicks]
        return Samples(
            torch.cat([torch.zeros(0, sum(self.standard().depths)), *rows]),
            np.repeat(np.array(labels, int), counts),
            np.repeat([count**-0.5 for count in counts], counts),
            np.repeat(np.array([click.denied for click in clicks], bool), counts),
            np.repeat(np.array([index[click.image] for click in clicks], int), counts),
        )

    def _features(self, click: Click) -> Tensor:
        """(n, D) of the points along a click or scribble."""
        key = Click(click.id, click.image, click.points, '')
        if key not in self._rows:
            height, width = self.size(click.image)
            points = along(np.array(click.points), STROKE_STEP * max(height, width))
            self._rows[key] = sample_maps(self.maps(click.image), points / (width, height))
        return self._rows[key]
