"""Masks, overlays and areas of a folder of photographs; resumable."""

import csv
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import cv2
import numpy as np
from mmengine.logging import print_log
from PIL import Image
from torch.utils.data import DataLoader, Dataset, get_worker_info

from .._files import replace_file
from ..datasets.image_open import open_image
from ..datasets.mask_files import read_mask, write_mask
from ..engine.console import tracked
from ..visualization.panels import legend, overlay
from .photos import find_photos, read_photo, result_names
from .predictor import Predictor, load
from .record import check_record

MASKS, OVERLAYS, AREAS = 'masks', 'overlays', 'areas.csv'
LEGEND = 'legend.png'
# Pixels of photographs that are loaded and written one at a time, and the longer side of
# an overlay; a JPEG ends at 65,535.
HUGE, OVERLAY_SIDE = 2**26, 8192


class _Photos(Dataset):
    """Photographs on their way to the network, loaded by workers."""

    def __init__(self, folder: Path, names: Sequence[str], predictor: Predictor) -> None:
        self.folder, self.names = folder, names
        self.pipeline = predictor.pipeline

    def __len__(self) -> int:
        return len(self.names)

    def __getitem__(self, index: int) -> tuple[str, dict | str | None]:
        """Name and sample, what is wrong with the file, or None: load it when due."""
        name = self.names[index]
        if get_worker_info() and _is_huge(self.folder / name):
            return name, None  # workers would hold several at once
        try:
            return name, load(self.folder / name, self.pipeline, None)
        except (ValueError, OSError) as error:
            return name, str(error)


def predict_folder(
    predictor: Predictor,
    photos: str | os.PathLike,
    out: str | os.PathLike,
    overlays: bool = True,
    areas: bool = True,
    batch_size: int = 1,
    workers: int = 2,
    overwrite: bool = False,
) -> list[str]:
    """Write a mask of every photograph of a folder tree.

    ``out/masks`` and ``out/overlays`` have the tree of the photographs. A mask is a PNG of
    class ids with a palette, in the size of the upright photograph; ``legend.png`` tells
    which colour and id is which class. Photographs that have their results already are
    passed over, so the same call resumes after an interruption.

    Args:
        predictor (Predictor): The network.
        photos (str | os.PathLike): A folder, or one photograph.
        out (str | os.PathLike): Where the results go.
        overlays (bool): Also paint masks over the photographs. Defaults to True.
        areas (bool): Also write ``areas.csv``, pixels and per cent of each class.
        batch_size (int): Photographs that go through the network at once, as far as
            neighbours have the same size there. Defaults to 1.
        workers (int): Processes that load, and threads that write. 0 does both in turn.
        overwrite (bool): Make all results anew. Defaults to False.

    Returns:
        list[str]: What was wrong with photographs that could not be read, a line each.

    Raises:
        FileNotFoundError: The folder does not exist.
        ValueError: It holds no photograph, ``out`` holds results of another checkpoint or
            folder, or cannot be written.
    """
    photos, out = Path(photos), Path(out)
    folder = photos.parent if photos.is_file() else photos
    names = result_names(find_photos(photos, leave_out=out))
    if overwrite:
        # Before the record: a kill must not leave results of two checkpoints.
        for name in names.values():
            for kind in (MASKS, OVERLAYS):
                (out / _file(kind, name)).unlink(missing_ok=True)
    check_record(out, predictor, folder, overwrite)
    kinds = [MASKS] + [OVERLAYS] * overlays
    pending = [
        photo
        for photo, name in names.items()
        if not all((out / _file(kind, name)).is_file() for kind in kinds)
    ]
    if len(pending) < len(names):
        done = f'{len(names) - len(pending)} of {len(names)} masks'
        print_log(f'{out}: {done} are there already (--overwrite makes them anew)')
    broken: list[str] = []
    made = _masks(predictor, folder, pending, batch_size, workers, broken)
    jobs = (
        (predictor, folder / photo, mask, out, names[photo], kinds) for photo, mask in made
    )
    _write_all(jobs, max(workers, 1))
    _write_legend(out / LEGEND, predictor)
    if areas:
        masks = {p: out / _file(MASKS, name) for p, name in names.items()}
        write_areas(out / AREAS, masks, predictor.classes)
    return broken


def _write_legend(path: Path, predictor: Predictor) -> None:
    """A line with colour, id and name for each class."""
    names = [f'{i}  {name}' for i, name in enumerate(predictor.classes)]
    with replace_file(path) as temporary:
        Image.fromarray(legend(names, predictor.palette)).save(temporary, format='PNG')


def _file(kind: str, name: str) -> str:
    return f'{kind}/{name}.{"png" if kind == MASKS else "jpg"}'


def _masks(
    predictor: Predictor,
    folder: Path,
    pending: Sequence[str],
    batch_size: int,
    workers: int,
    broken: list[str],
) -> Iterator[tuple[str, np.ndarray]]:
    """Photographs with their masks; files that cannot be read are added to ``broken``."""
    photos = _Photos(folder, pending, predictor)
    loader = DataLoader(
        photos,
        batch_size=None,
        num_workers=min(workers, len(pending)),
    )
    batch: list[tuple[str, dict]] = []
    for index, (name, sample) in enumerate(tracked(loader, 'photographs', len(pending))):
        if sample is None:
            sample = photos[index][1]
        if isinstance(sample, str):
            broken.append(sample)
            continue
        if batch and (len(batch) == batch_size or _shape(batch[0][1]) != _shape(sample)):
            yield from _predict(predictor, batch)
            batch = []
        batch.append((name, sample))
    if batch:
        yield from _predict(predictor, batch)


def _shape(sample: dict) -> tuple[int, ...]:
    return tuple(sample['inputs'].shape)


def _predict(
    predictor: Predictor, batch: Sequence[tuple[str, dict]]
) -> Iterator[tuple[str, np.ndarray]]:
    names, samples = zip(*batch)
    return zip(names, predictor.predict(samples))


def _write_all(jobs: Iterable[tuple], threads: int) -> None:
    """Write in threads while the network goes on; a slow disk holds it up."""
    with ThreadPoolExecutor(threads) as pool:
        futures: list[Future] = []
        for job in jobs:
            futures.append(pool.submit(_write, *job))
            waiting = 1 if job[2].size > HUGE else 4 * threads
            while len(futures) > waiting:
                futures.pop(0).result()
        for future in futures:
            future.result()


def _write(
    predictor: Predictor,
    photo: Path,
    mask: np.ndarray,
    out: Path,
    name: str,
    kinds: Sequence[str],
) -> None:
    """Write what is made of one photograph; the mask last, since it tells of the rest."""
    for kind in reversed(kinds):
        with replace_file(out / _file(kind, name)) as temporary:
            if kind == MASKS:
                write_mask(temporary, mask, predictor.palette)
            else:
                image, shown = _at_most(OVERLAY_SIDE, read_photo(photo), mask)
                painted = overlay(
                    image, shown, predictor.palette, background=predictor.background
                )
                Image.fromarray(painted).save(temporary, quality=90)


def _is_huge(photo: Path) -> bool:
    """Whether the header of a photograph tells of many pixels."""
    try:
        with open_image(photo) as image:
            return image.width * image.height > HUGE
    except Exception:  # its loader says what is wrong
        return False


def _at_most(
    side: int, image: np.ndarray, mask: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """A photograph and its mask, shrunk where one side is longer."""
    factor = side / max(mask.shape)
    if factor >= 1:
        return image, mask
    size = tuple(max(1, round(n * factor)) for n in mask.shape[::-1])
    return (
        cv2.resize(image, size, interpolation=cv2.INTER_AREA),
        cv2.resize(mask, size, interpolation=cv2.INTER_NEAREST),
    )


def write_areas(
    path: str | os.PathLike, masks: Mapping[str, Path], classes: Sequence[str]
) -> None:
    """Write a CSV with a row for each photograph.

    The columns are ``photo``, ``pixels``, and for each class its pixels and its share in
    per cent, such as ``cat`` and ``cat %``.

    Args:
        path (str | os.PathLike): The file to write.
        masks (Mapping): Photograph to the PNG of its mask; absent ones are left out.
        classes (Sequence[str]): Names of the values of the masks.
    """
    columns = [column for name in classes for column in (name, f'{name} %')]
    with (
        replace_file(path) as temporary,
        open(temporary, 'w', newline='', encoding='utf-8') as file,
    ):
        table = csv.writer(file)
        table.writerow(['photo', 'pixels', *columns])
        for photo, mask in masks.items():
            if not mask.is_file():
                continue
            values = read_mask(mask)
            # In parts: counting makes integers of 8 bytes.
            parts = np.array_split(values.ravel(), 1 + values.size // HUGE)
            counts = sum(np.bincount(part, minlength=256) for part in parts)
            shares = [(n, f'{100 * n / counts.sum():.3f}') for n in counts[: len(classes)]]
            table.writerow(
                [photo, counts.sum(), *(cell for pair in shares for cell in pair)]
            )
