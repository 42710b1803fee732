"""Open Images V7: CSV of points with yes and no, CSV of image labels."""

import os
from collections import Counter

import numpy as np

from ...registry import READERS
from ..image_checks import image_sizes
from .annotations import Annotations, Mark
from .base import Format, ReadOptions, write_table
from .collector import Collector, as_points, from_text, plain_name
from .source import Source

POINT_COLUMNS = ('ImageId', 'X', 'Y', 'Label', 'EstimatedYesNo')
VOTES = ('Source', 'YesVotes', 'NoVotes', 'UnsureVotes')
TAG_COLUMNS = ('ImageID', 'LabelName', 'Confidence')
SUFFIX = '.jpg'
ABSENT = 'its image is not in the folder'


@READERS.register_module('open-images')
class OpenImagesPoints(Format):
    """``yes`` is a click, ``no`` says "not that class", ``unsure`` is left out.

    Positions are fractions of the size, which the file does not tell: ``images`` says where
    the images are. The class is ``Label`` (``/m/...``) or, with ``class_key``,
    ``TextLabel``.
    """

    title = 'Open Images V7 points'
    suffixes = ('.csv',)
    holds = ('points', 'no')
    by_line = True
    columns = POINT_COLUMNS

    @staticmethod
    def read(source: Source, out: Collector, options: ReadOptions) -> None:
        """Every line, one after the other: such files do not fit in memory as text."""
        key = options.class_key or 'Label'
        if key not in source.header:
            raise ValueError(f'no column {key!r}, there are {", ".join(source.header)}')
        for where, line in source.records():
            out.where = where
            out.image(line['ImageId'] + SUFFIX if line['ImageId'] else '')
            answer, label = line['EstimatedYesNo'].lower(), line[key]
            if answer == 'unsure':
                out.leave_out('unsure', label)
                continue
            if answer not in ('yes', 'no'):
                raise ValueError(f'EstimatedYesNo is yes, no or unsure, got {answer!r}')
            if not label:
                out.leave_out(f'no {key}')
                continue
            x, y = (from_text(line[k], k) for k in ('X', 'Y'))
            if not (0 <= x <= 1 and 0 <= y <= 1):
                raise ValueError(f'X and Y are fractions from 0 to 1, got ({x:g}, {y:g})')
            size = _size(out, options)
            if size is None:
                out.leave_out(ABSENT, label)
                continue
            out.click(x * size[0], y * size[1], label, negative=answer == 'no')

    @staticmethod
    def read_columns(
        columns: dict[str, tuple[str, ...]],
        first: int,
        out: Collector,
        options: ReadOptions,
    ) -> bool:
        """Lines whose cells are all as they should be."""
        key = options.class_key or 'Label'
        answers = [a.strip().lower() for a in columns['EstimatedYesNo']]
        if key not in columns or not set(answers) <= {'yes', 'no', 'unsure'}:
            return False
        names = [name.strip() + SUFFIX for name in columns['ImageId']]
        labels = [label.strip() for label in columns[key]]
        points = as_points(columns['X'], columns['Y'])
        if SUFFIX in names or '' in labels or points is None:
            return False
        if not ((points >= 0) & (points <= 1)).all():
            return False
        out.image_rows(names, range(first, first + len(names)))
        rows = [i for i, answer in enumerate(answers) if answer != 'unsure']
        for label, n in Counter(
            label for label, answer in zip(labels, answers) if answer == 'unsure'
        ).items():
            out.leave_out('unsure', label, n)
        names = [names[i] for i in rows]
        if not options.fractions:
            for name in dict.fromkeys(names):
                out.image(name)
                _size(out, options)
            there = [plain_name(name) in out.sizes for name in names]
            for i, here in zip(rows, there):
                if not here:
                    out.leave_out(ABSENT, labels[i])
            rows = [i for i, here in zip(rows, there) if here]
            names = [name for name, here in zip(names, there) if here]
            size = np.array([out.sizes[plain_name(n)] for n in names]).reshape(-1, 2)
            points[rows] *= size
        out.rows(
            names,
            points[rows],
            [labels[i] for i in rows],
            rank=np.zeros(len(rows), dtype=np.int64),
            negative=np.array([answers[i] == 'no' for i in rows], dtype=bool),
            lines=[first + i for i in rows],
        )
        return True

    @staticmethod
    def write(path: str, annotations: Annotations) -> None:
        """Write a line for each click."""

        def row(m: Mark) -> tuple:
            width, height = annotations.size_of(m.image)
            answer = 'no' if m.negative else 'yes'
            place = (m.image.removesuffix(SUFFIX), m.x / width, m.y / height)
            votes = ('own', int(not m.negative), int(m.negative), 0, '')
            return (*place, m.label, answer, *votes)

        head = (*POINT_COLUMNS, *VOTES, 'TextLabel')
        write_table(path, head, map(row, annotations.marks('points', 'no')))


@READERS.register_module('open-images-labels')
class OpenImagesLabels(Format):
    """Confidence 1 says that a class is there, 0 that someone verified that it is not."""

    title = 'Open Images image labels'
    suffixes = ('.csv',)
    holds = ('tags',)
    by_line = True

    @staticmethod
    def sniff(source: Source) -> bool:
        """Its columns, without those of boxes."""
        return set(TAG_COLUMNS) <= set(source.header) and 'XMin' not in source.header

    @staticmethod
    def read(source: Source, out: Collector, options: ReadOptions) -> None:
        """Every line."""
        for where, line in source.records():
            out.name, out.where = '', where
            out.image(line['ImageID'] + SUFFIX if line['ImageID'] else '')
            confidence = from_text(line['Confidence'], 'Confidence')
            machine = 'machine' in line.get('Source', '') or confidence not in (0, 1)
            if machine and not options.machine_labels:
                out.leave_out('set by a machine', line['LabelName'])
            else:
                out.tag(line['LabelName'], present=confidence > 0)

    @staticmethod
    def write(path: str, annotations: Annotations) -> None:
        """Write a line for each tag, those of absent classes too."""
        rows = (
            (image.removesuffix(SUFFIX), 'verification', label, int(present))
            for present in (True, False)
            for image, label in annotations.tag_rows(present)
        )
        write_table(path, ('ImageID', 'Source', 'LabelName', 'Confidence'), rows)


def _size(out: Collector, options: ReadOptions) -> tuple[int, int] | None:
    """Width and height of the image at hand, from its file when nothing told them.

    Returns:
        tuple[int, int] | None: None where the image is not in the folder: such files list
        many more than people download.

    Raises:
        ValueError: No folder is given.
    """
    if options.fractions:
        return 1, 1
    if out.name not in out.sizes:
        if options.images is None:
            raise ValueError(
                'positions are fractions of the size of the image, which the file does not '
                'tell; say where the images are (--images FOLDER)'
            )
        path = os.path.join(options.images, out.name.lstrip('/'))
        if not os.path.isfile(path):
            return None
        out.size(*image_sizes([path])[0].tolist())
    return out.sizes[out.name]
