"""Supervisely: ``ann/<image>.json``, one an image."""

from pathlib import PurePosixPath

from ...registry import READERS
from .annotations import Annotations, Mark
from .base import Format, ReadOptions, image_file, write_json
from .collector import Collector
from .source import Source


@READERS.register_module('supervisely')
class Supervisely(Format):
    """Points are column, row (the documentation says the opposite), whole pixels."""

    title = 'Supervisely JSON'
    holds = ('points', 'lines', 'tags')
    per_image = True
    whole_pixels = True
    keys = ('objects', 'size')

    @staticmethod
    def read(source: Source, out: Collector, options: ReadOptions) -> None:
        """Every object and tag of the image."""
        size = source.json['size']
        folders = [part for part in source.name.parent.parts if part != 'ann']
        name = str(PurePosixPath(*folders, source.name.stem))
        out.image(name, (size['width'], size['height']), once=True)
        for position, tag in enumerate(source.json.get('tags') or []):
            out.where = f'tag {position}'
            out.tag(tag if isinstance(tag, str) else tag['name'])
        for position, entry in enumerate(source.json['objects']):
            out.where = f'object {position}'
            kind, label = entry['geometryType'], entry['classTitle']
            if kind not in ('point', 'line'):
                out.leave_out(f'{kind}, neither click nor scribble', label)
                continue
            points = entry['points']['exterior']
            if kind == 'line':
                out.line(points, label)
            else:
                ((x, y),) = points
                out.click(x, y, label)

    @staticmethod
    def write(path: str, annotations: Annotations) -> None:
        """Write ``ann/<image>.json`` for every image."""
        tags = annotations.tags_by_image()
        for image, marks in annotations.by_image('points', 'lines'):
            width, height = annotations.size_of(image)
            content = dict(
                description='',
                tags=[dict(name=label, value=None) for label in tags[image]],
                size=dict(height=height, width=width),
                objects=[_object(mark) for mark in marks],
            )
            place = PurePosixPath(image)
            file = image_file(path, str(place.parent / 'ann' / place.name), '.json')
            write_json(file, content)


def _object(mark: Mark) -> dict:
    exterior = [[int(x // 1), int(y // 1)] for x, y in mark.points]
    return dict(
        geometryType='line' if len(exterior) > 1 else 'point',
        classTitle=mark.label,
        points=dict(exterior=exterior, interior=[]),
        tags=[],
        description='',
    )
