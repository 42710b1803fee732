"""A live session that several requests share."""

import io
import logging
import os
import tempfile
import threading
from collections import Counter
from collections.abc import Callable, Collection
from itertools import chain, count
from pathlib import Path

import numpy as np
from mmengine.logging import print_log
from PIL import Image

from .._files import replace_folder
from ..visualization.palette import distinct_palette
from .export import (
    click_file_name,
    export_clicks,
    export_masks_and_labels,
    import_clicks,
)
from .pyramid import FrozenPyramid
from .session import LiveSession
from .training import TrainingRun

# Long side of what the page shows; the coordinates stay those of the photograph.
SHOWN_SIDE = 1600
OPERATIONS = dict(
    add=('image', 'points', 'name', 'no'),
    remove=('number',),
    undo=(),
    redo=(),
    add_class=('name',),
    rename_class=('name', 'to'),
    merge_classes=('name', 'to'),
)


class SharedSession:
    """One session, one lock, and a thread that computes features ahead.

    Args:
        session (LiveSession): What is shared.
        export_to (str | os.PathLike, optional): Folder of exports; one that exists stays
            as it is, and the next gets a number. Defaults to one beside the photographs.

    Attributes:
        exported (int): Masks that the export in progress has written.
    """

    def __init__(
        self, session: LiveSession, export_to: str | os.PathLike | None = None
    ) -> None:
        self.session = session
        self.changed = threading.Condition(threading.RLock())
        self.ready = 0
        self.training = TrainingRun(session.work_dir / 'training')
        self.export_to = Path(export_to or _beside(session.photos))
        if self.export_to.resolve().is_relative_to(session.photos.resolve()):
            raise ValueError(
                f'{self.export_to} is inside the photographs: masks in it would be taken '
                'for some; export to another folder'
            )
        self.exported = 0
        self._exporting = threading.Lock()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._look_ahead, daemon=True)

    def start(self) -> None:
        """Begin to compute features of all images."""
        self._thread.start()

    def stop(self) -> None:
        """End the thread and close the journal."""
        self._stop.set()
        with self.changed:
            self.changed.notify_all()
        if self._thread.is_alive():
            self._thread.join()
        self.training.stop()
        self.session.journal.close()

    @property
    def version(self) -> int:
        """Number of operations so far."""
        return self.session.journal.version

    def operate(self, kind: str, values: dict) -> int | None:
        """Do what a person asked for.

        Args:
            kind (str): A key of ``OPERATIONS``.
            values (dict): Its values.

        Returns:
            int | None: Number of a new click.

        Raises:
            ValueError: The operation does not fit.
        """
        if not isinstance(kind, str) or kind not in OPERATIONS:
            raise ValueError(f'unknown operation {kind!r}')
        unknown = set(values) - set(OPERATIONS[kind])
        if unknown:
            raise ValueError(f'{kind} has no value {min(unknown)!r}')
        with self.changed:
            method = self.session.scribble if kind == 'add' else getattr(self.session, kind)
            try:
                number = method(**values)
            except TypeError as error:
                raise ValueError(f'{kind}: {error}') from None
            self.changed.notify_all()
            return number

    def wait(self, version: int, seconds: float) -> int:
        """The version, as soon as it differs from the given one."""
        with self.changed:
            self.changed.wait_for(
                lambda: self.version != version or self._stop.is_set(), seconds
            )
            return self.version

    def locked(self, function: Callable, *args):
        """Call with the session to oneself."""
        with self.changed:
            return function(*args)

    def state(self) -> dict:
        """What every page needs to know."""
        with self.changed:
            session = self.session
            palette = distinct_palette(session.classes).tolist()
            return dict(
                version=self.version,
                classes=[
                    dict(name=name, colour='#' + bytes(colour).hex())
                    for name, colour in zip(session.classes, palette)
                ],
                images=session.images,
                counts=Counter(click.image for click in session.clicks),
                ready=self.ready,
                can_undo=bool(session.journal.done),
                can_redo=bool(session.journal.undone),
            )

    def clicks(self, image: str) -> dict:
        """Size of an image and its clicks."""
        with self.changed:
            height, width = self.session.size(image)
            clicks = [
                dict(id=c.id, points=c.points, name=c.name, no=c.denied)
                for c in self.session.clicks
                if c.image == image
            ]
            return dict(width=width, height=height, clicks=clicks)

    def photo(self, image: str) -> bytes:
        """A JPEG of an image, at most ``SHOWN_SIDE`` pixels long."""
        picture = Image.fromarray(self.session.pixels(image))
        picture.thumbnail((SHOWN_SIDE, SHOWN_SIDE))
        buffer = io.BytesIO()
        picture.save(buffer, 'JPEG', quality=90)
        return buffer.getvalue()

    def overlay(self, image: str, kind: str, hide: Collection[str] = ()) -> bytes | None:
        """A PNG to lay over an image: ``mask`` in colours, or ``doubt`` in grey.

        Args:
            image (str): Image id.
            kind (str): ``mask`` or ``doubt``.
            hide (Collection[str]): Classes that are transparent in the mask.

        Returns:
            bytes | None: None while there is no click.
        """
        with self.changed:
            if not self.session.clicks:
                return None
            height, width = self.session.size(image)
            factor = min(1.0, SHOWN_SIDE / max(height, width))
            size = tuple(max(1, round(side * factor)) for side in (height, width))
            probs = self.session.probabilities(image, size)
            names = self.session.classes
        if kind == 'doubt':
            top = probs.topk(min(2, len(probs)), dim=0).values
            doubt = 1 - (top[0] - top[1] if len(top) > 1 else top[0])
            return png(Image.fromarray((255 * doubt).byte().numpy()))
        labels = probs.argmax(0).byte().numpy()
        picture = Image.fromarray(labels, 'P')
        picture.putpalette(distinct_palette(names).tobytes())
        return png(picture, bytes(0 if name in hide else 255 for name in names))

    def take(self, content: bytes, name: str, format: str | None = None) -> str:
        """Import a file of clicks that a page sent.

        Args:
            content (bytes): Of the file.
            name (str): Its name; only the suffix counts.
            format (str, optional): Name of the format. Defaults to None: by content.

        Returns:
            str: What was read and left out.

        Raises:
            ValueError: It cannot be read.
        """
        suffix = Path(name).suffix.lower()
        suffix = suffix if suffix[1:].isalnum() else ''
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / f'import{suffix}'
            file.write_bytes(content)
            shown = Path(name).name
            try:
                with self.changed:
                    report = import_clicks(self.session, file, format)
                    self.changed.notify_all()
            except (OSError, ValueError) as error:
                raise ValueError(str(error).replace(str(file), shown)) from None
        return report.replace(str(file), shown)

    def export(self, format: str, masks: bool) -> dict:
        """Write clicks, and masks and labels of all images if asked, into a new folder.

        Clicks set meanwhile wait for nothing and are not in it.

        Returns:
            dict: ``folder``, and ``lost``, what the format cannot hold.

        Raises:
            ValueError: There is no click, the format is unknown, an export is running, or
                the folder cannot be written.
        """
        if not self._exporting.acquire(blocking=False):
            raise ValueError('an export is running')
        try:
            folder = unused(self.export_to)
            with replace_folder(folder) as new:
                with self.changed:
                    file = new / click_file_name(format)
                    lost = export_clicks(self.session, file, format)
                    session = self.session.frozen() if masks else None
                if session:
                    lost += self._export_masks(session, new)
        finally:
            self.exported = 0
            self._exporting.release()
        return dict(folder=str(folder), lost=lost)

    def _export_masks(self, session: LiveSession, folder: Path) -> list[str]:
        """A line about the images that cannot be read, if there are some."""
        left = set(session.images)
        for done, image in enumerate(export_masks_and_labels(session, folder), 1):
            self.exported = done
            left.discard(image)
            if self._stop.is_set():
                raise ValueError('the export was stopped')
        such = f'{len(left)} photographs cannot be read, such as {min(left, default="")}'
        return [f'{such}: they have no mask'] if left else []

    def deepen(self) -> None:
        """Take the features of the network that was trained on the clicks.

        Raises:
            ValueError: None is finished.
        """
        status = self.training.status()
        if status['checkpoint'] is None:
            raise ValueError('no training has written a checkpoint yet')
        pyramid = FrozenPyramid.from_segmentor(
            status['config'],
            status['checkpoint'],
            self.session.pyramid.long_side,
            self.session.pyramid.device,
        )
        with self.changed:
            self.session.use(pyramid)
            self.changed.notify_all()

    def _look_ahead(self) -> None:
        """Compute features image by image; the network runs without the lock."""
        session = self.session
        for name in session.images:
            if self._stop.is_set():
                return
            path, cache = str(session.photos / name), session.cache
            try:
                if not cache.has(path):
                    maps = cache.compute(path)
                    with self.changed:
                        cache.put(path, maps)
            except (OSError, ValueError) as error:
                print_log(f'{name} is left out: {error}', 'current', logging.WARNING)
            self.ready += 1


def png(picture: Image.Image, opacity: bytes | None = None) -> bytes:
    """Bytes of a picture; opacity by label if it has a palette."""
    buffer = io.BytesIO()
    options = {} if opacity is None else dict(transparency=opacity)
    picture.save(buffer, 'PNG', compress_level=1, **options)
    return buffer.getvalue()


def _beside(photos: Path) -> Path:
    photos = photos.resolve()
    return photos.with_name(f'{photos.name or "photographs"}_export')


def unused(folder: Path) -> Path:
    """The folder, or with the first number that makes a new one."""
    numbered = (folder.with_name(f'{folder.name}-{i}') for i in count(2))
    return next(path for path in chain([folder], numbered) if not path.exists())


def page_file(name: str) -> Path | None:
    """A file of the page by its plain name, None if there is none such."""
    folder = Path(__file__).with_name('page')
    return next((file for file in folder.iterdir() if file.name == name), None)


def as_points(value: object) -> list[tuple[float, float]]:
    """Points of a request.

    Raises:
        ValueError: They are none.
    """
    try:
        points = np.asarray(value, dtype=float)
    except (TypeError, OverflowError):
        raise ValueError('points must be pairs of x and y') from None
    if points.ndim != 2 or points.shape[1] != 2 or not 1 <= len(points) <= 10000:
        raise ValueError('points must be 1 to 10,000 pairs of x and y')
    return [(float(x), float(y)) for x, y in points]
