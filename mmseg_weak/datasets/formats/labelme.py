"""LabelMe 5 to 7 and X-AnyLabeling: one JSON an image."""

import json
from pathlib import Path

from ...registry import READERS
from .annotations import Annotations
from .base import Format, ReadOptions
from .collector import Collector
from .source import Source

# Top-level keys of LabelMe, and those of X-AnyLabeling that hold no label.
KEYS = frozenset(
    ('version', 'flags', 'shapes', 'imagePath', 'imageData', 'imageHeight', 'imageWidth')
    + ('checked', 'text', 'description', 'chatData', 'vqaData')
)


@READERS.register_module('labelme')
class LabelMe(Format):
    """Points, ``linestrip`` as scribbles, top-level ``flags`` as image tags.

    ``imageData`` is not decoded. Flags that are false are boxes nobody ticked, not the
    statement that a class is absent.
    """

    title = 'LabelMe JSON'
    holds = ('points', 'lines', 'tags')
    per_image = True
    keys = ('shapes', 'imagePath')

    @staticmethod
    def read(source: Source, out: Collector, options: ReadOptions) -> None:
        """Every shape of the image."""
        content = source.json
        out.note_unused(content, KEYS)
        out.image(beside(source, content['imagePath']), once=True)
        if content.get('imageWidth') is not None:
            out.size(content['imageWidth'], content['imageHeight'])
        for position, shape in enumerate(content['shapes']):
            out.where = f'shape {position}'
            kind, label = shape['shape_type'], shape['label']
            if kind == 'point':
                if len(shape['points']) != 1:
                    raise ValueError(f'a point has one [x, y], not {len(shape["points"])}')
                x, y = shape['points'][0]
                out.click(x, y, label)
            elif kind == 'linestrip':
                out.line(shape['points'], label)
            else:
                out.leave_out(f'{kind}, neither click nor scribble', label)
        out.where = 'flags'
        for name, ticked in (content.get('flags') or {}).items():
            if ticked is True:
                out.tag(name)

    @staticmethod
    def write(path: str, annotations: Annotations) -> None:
        """Write a folder with one JSON an image."""
        tags = annotations.tags_by_image()
        for image, marks in annotations.by_image('points', 'lines'):
            shapes = [
                labelme_shape(m.label, ('point', 'linestrip')[len(m.points) > 1], m.points)
                for m in marks
            ]
            flags = dict.fromkeys(tags[image], True)
            content = labelme_file(image, annotations.size_of(image), shapes, flags)
            file = Path(path, image).with_suffix('.json')
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(json.dumps(content, indent=1), encoding='utf-8')


def beside(source: Source, name: object) -> object:
    """An image path relative to its JSON, as one below the folder that is read."""
    if not isinstance(name, str) or name[:1] in ('/', '\\') or name[1:2] == ':':
        return name
    return str(source.name.parent / name.replace('\\', '/')) if name else name


def labelme_shape(label: object, kind: str, points: list) -> dict:
    """One entry of ``shapes``; points are ``(x, y)`` in pixels."""
    return dict(
        label=label,
        points=[[float(x), float(y)] for x, y in points],
        group_id=None,
        description='',
        shape_type=kind,
        flags={},
        mask=None,
    )


def labelme_file(image: str, size: tuple[int, int], shapes: list, flags: dict) -> dict:
    """The whole content of one JSON; the image lies beside it."""
    return dict(
        version='5.5.0',
        flags=flags,
        shapes=shapes,
        imagePath=Path(image).name,
        imageData=None,
        imageHeight=size[1],
        imageWidth=size[0],
    )
