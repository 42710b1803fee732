"""The package's own table of marks for any number of them: a folder of NumPy arrays."""

import os
from pathlib import Path

import numpy as np

from ...registry import READERS
from ..click_shards import FRACTIONS, StoreIndex, is_index, write_shard
from ..click_store import ClickStore
from ..image_checks import image_sizes
from .annotations import Annotations, count_kinds
from .base import Format, ReadOptions
from .collector import Collector
from .source import Source


@READERS.register_module('click-table')
class ClickTableFolder(Format):
    """Clicks, scribbles and tags in memory-mapped shards, see :mod:`..click_shards`."""

    title = 'click table'
    suffixes = ('.json',)
    holds = ('points', 'lines', 'no', 'tags')
    folder = True

    @staticmethod
    def sniff(source: Source) -> bool:
        """What its ``table.json`` says."""
        return is_index(source.json_object)

    @staticmethod
    def read(source: Source, out: Collector, options: ReadOptions) -> None:
        """Everything, into memory; a training reads it by image instead."""
        store = ClickStore(os.path.dirname(source.path))
        names = store.names()
        table = store.take(np.arange(len(store)), names)
        scale = store.index.unit == FRACTIONS and not options.fractions
        if scale and len(table.points):
            table.points *= _sizes(names, options)[table.image_index[table.point_rows()]]
        out.table(table, store.index.classes, store.index.first)
        for reason, name, number in store.index.left_out:
            out.leave_out(reason, name, number)
        for note in store.index.notes:
            out.note(note)
        out.vocabulary = dict.fromkeys(store.index.vocabulary or ())

    @staticmethod
    def write(path: str, annotations: Annotations) -> None:
        """Write one shard."""
        shard = Path(path, '0000')
        shard.mkdir(parents=True)
        images, rows = shard_columns(annotations)
        index = StoreIndex(
            shards=[write_shard(shard, annotations.clicks.images, images, rows)],
            classes=list(annotations.classes),
            first=list(annotations.first),
            counts=count_kinds(annotations).tolist(),
            left_out=[[*key, n] for key, n in annotations.left_out.items()],
            notes=list(annotations.notes),
            vocabulary=annotations.vocabulary and list(annotations.vocabulary),
        )
        index.write(Path(path))


def shard_columns(found: Annotations) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Marks and, behind them, tags as marks without points.

    Returns:
        tuple: Image of each, and the columns that :func:`..click_shards.write_shard` takes.
    """
    clicks, tags = found.clicks, found.tags
    end = np.full(len(tags), clicks.start[-1])
    columns = dict(
        label=np.concatenate([clicks.label, tags.label]),
        rank=np.concatenate([clicks.rank, np.zeros(len(tags), np.int64)]),
        negative=np.concatenate([clicks.negative, ~tags.present]),
        point_start=np.concatenate([clicks.start, end]),
        points=clicks.points,
    )
    return np.concatenate([clicks.image_index, tags.image_index]), columns


def _sizes(names: list[str], options: ReadOptions) -> np.ndarray:
    """(n, 2) width and height of all images.

    Raises:
        FileNotFoundError: One is not in the folder.
        ValueError: No folder is given.
    """
    if options.images is None:
        raise ValueError(
            'positions are fractions of the size of the image, which the table does not '
            'tell; say where the images are (--images FOLDER)'
        )
    return image_sizes([os.path.join(options.images, name) for name in names])
