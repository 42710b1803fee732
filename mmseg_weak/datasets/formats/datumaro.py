"""Datumaro 1.0 JSON: also what CVAT exports points as."""

from pathlib import PurePosixPath

from ...registry import READERS
from .annotations import Annotations
from .base import Format, ReadOptions, write_json
from .collector import Collector
from .source import Source


@READERS.register_module('datumaro')
class Datumaro(Format):
    """Items with ``points`` (several in one annotation), ``polyline``, ``label``."""

    title = 'Datumaro JSON'
    holds = ('points', 'lines', 'tags')
    keys = ('items', 'categories')

    @staticmethod
    def read(source: Source, out: Collector, options: ReadOptions) -> None:
        """Every item."""
        labels = source.json['categories']['label']['labels']
        names = [label['name'] for label in labels]
        out.vocabulary.update(dict.fromkeys(names))
        for item in source.json['items']:
            out.name, out.where = '', f'item {item.get("id")}'
            if 'point_cloud' in item:
                out.leave_out('item of a 3-D point cloud')
                continue
            image = item.get('image') or {}
            suffix = PurePosixPath(str(image.get('path', '')).replace('\\', '/')).suffix
            if not isinstance(item['id'], str):
                raise ValueError(f'the id of an item is a text, got {item["id"]!r}')
            name = item['id']
            name = name if name.endswith(suffix) else name + suffix
            height, width = image.get('size') or (None, None)
            out.image(name, None if width is None else (width, height), once=True)
            for position, entry in enumerate(item['annotations']):
                out.where = f'annotation {position}'
                _read_annotation(entry, names, out, options)

    @staticmethod
    def write(path: str, annotations: Annotations) -> None:
        """Write one annotation for each mark and tag."""
        names = {name: i for i, name in enumerate(annotations.names())}
        found: dict[str, list] = {image: [] for image in annotations.clicks.images}
        for mark in annotations.marks('points', 'lines'):
            points = [value for point in mark.points for value in point]
            entry = dict(
                type='polyline' if len(mark.points) > 1 else 'points', points=points
            )
            if len(mark.points) == 1:
                entry['visibility'] = [2]
            found[mark.image].append(dict(entry, label_id=names[mark.label]))
        for image, label in annotations.tag_rows(present=True):
            found[image].append(dict(type='label', label_id=names[label]))
        for entries in found.values():
            for i, entry in enumerate(entries):
                entry.update(id=i, group=0, attributes={}, z_order=0)
        items = []
        for image, entries in found.items():
            size = annotations.size_of(image)[::-1]
            name = str(PurePosixPath(image).with_suffix(''))
            picture = dict(path=image, size=list(size))
            items.append(dict(id=name, annotations=entries, attr={}, image=picture))
        labels = [dict(name=name, parent='', attributes=[]) for name in names]
        categories = dict(label=dict(labels=labels, attributes=[]))
        content = dict(info={}, categories=categories, items=items)
        write_json(path, content)


def _read_annotation(
    entry: dict, names: list[str], out: Collector, options: ReadOptions
) -> None:
    kind, number = entry['type'], entry.get('label_id')
    if number is not None and not (type(number) is int and 0 <= number < len(names)):
        raise ValueError(f'label_id {number!r} does not exist')
    label = options.class_name if number is None else names[number]
    if kind not in ('points', 'polyline', 'label'):
        out.leave_out(f'{kind}, neither click nor scribble', label)
    elif label is None:
        out.leave_out('no class yet')
    elif kind == 'label':
        out.tag(label)
    else:
        values = entry['points']
        if len(values) % 2:
            raise ValueError(f'{len(values)} values are no pairs of x and y')
        points = list(zip(values[::2], values[1::2]))
        if kind == 'polyline':
            out.line(points, label)
            return
        visible = entry.get('visibility') or [2] * len(points)
        if len(visible) != len(points):
            raise ValueError(f'{len(visible)} visibilities for {len(points)} points')
        for (x, y), seen in zip(points, visible):
            if seen == 2:
                out.click(x, y, label)
            else:
                out.leave_out('hidden (1)' if seen else 'absent (0)', label)
