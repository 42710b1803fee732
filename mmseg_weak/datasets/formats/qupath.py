"""QuPath: points as a table (TSV), objects as GeoJSON; both one file an image."""

from ...registry import READERS
from .annotations import Annotations
from .base import Format, ReadOptions, image_file, write_json
from .collector import Collector, from_text
from .source import Source, as_text

PLANES = ('z', 't')
KINDS = {'Point': 0, 'MultiPoint': 1, 'LineString': 1, 'MultiLineString': 2}


@READERS.register_module('qupath-tsv')
class QuPathTSV(Format):
    """Columns ``x y`` and, where used, ``c z t class name color``, in pixels."""

    title = 'QuPath TSV'
    suffixes = ('.tsv', '.txt')
    per_image = True

    @staticmethod
    def sniff(source: Source) -> bool:
        """A table that begins with ``x`` and ``y``, tab-separated."""
        header = source.header
        return (
            header[:2] == ['x', 'y'] and source.delimiter == '\t' and 'image' not in header
        )

    @staticmethod
    def read(source: Source, out: Collector, options: ReadOptions) -> None:
        """Every line."""
        out.image(source.image_name, once=True)
        for where, line in source.records():
            out.where = where
            x, y = (from_text(line[key], key) for key in ('x', 'y'))
            planes = {key: line.get(key) for key in PLANES}
            _take([(x, y)], 0, line.get('class'), planes, out, options)

    @staticmethod
    def write(path: str, annotations: Annotations) -> None:
        """Write a file for every image, a tab behind every cell as the tool does."""
        for image, marks in annotations.by_image('points'):
            rows = [('x', 'y', 'class'), *((repr(m.x), repr(m.y), m.label) for m in marks)]
            text = ''.join(''.join(f'{cell}\t' for cell in row) + '\n' for row in rows)
            image_file(path, image, '.tsv').write_text(text, encoding='utf-8')


@READERS.register_module('qupath')
class QuPathGeoJSON(Format):
    """Features with points and lines; derived classes read ``Tumor: Positive``."""

    title = 'QuPath GeoJSON'
    suffixes = ('.geojson', '.json')
    holds = ('points', 'lines')
    per_image = True

    @staticmethod
    def sniff(source: Source) -> bool:
        """A feature, a collection of them or a bare list."""
        first = next(iter(source.json_list), source.json_object)
        kind = first.get('type') if isinstance(first, dict) else None
        return kind in ('Feature', 'FeatureCollection')

    @staticmethod
    def read(source: Source, out: Collector, options: ReadOptions) -> None:
        """Every feature."""
        content = source.json
        if isinstance(content, dict):
            content = content.get('features', [content])
        out.image(source.image_name, once=True)
        for position, feature in enumerate(content):
            out.where = f'feature {position}'
            geometry = feature['geometry']
            label = class_of(feature.get('properties') or {})
            kind, planes = geometry['type'], geometry.get('plane') or {}
            if kind not in KINDS:
                out.leave_out(f'{kind}, neither click nor scribble', label)
                continue
            _take(geometry['coordinates'], kind, label, planes, out, options)

    @staticmethod
    def write(path: str, annotations: Annotations) -> None:
        """Write a file for every image."""
        for image, marks in annotations.by_image('points', 'lines'):
            features = [
                qupath_feature('LineString', [list(p) for p in mark.points], mark.label)
                if len(mark.points) > 1
                else qupath_feature('Point', mark.points[0], mark.label)
                for mark in marks
            ]
            content = dict(type='FeatureCollection', features=features)
            write_json(image_file(path, image, '.geojson'), content)


def qupath_feature(kind: str, coordinates: object, label: str) -> dict:
    """An annotation object of a class."""
    properties = dict(objectType='annotation', classification=dict(name=label))
    geometry = dict(type=kind, coordinates=coordinates)
    return dict(type='Feature', geometry=geometry, properties=properties)


def class_of(properties: dict) -> str | None:
    """Name of a classification; parts of a derived one are joined as the tool does."""
    found = properties.get('classification') or {}
    return ': '.join(found['names']) if found.get('names') else found.get('name')


def _take(
    coordinates: list,
    kind: str | int,
    label: str | None,
    planes: dict,
    out: Collector,
    options: ReadOptions,
) -> None:
    """Take points or lines of the first plane."""
    label = label or options.class_name
    other = [key for key in PLANES if planes.get(key) not in (None, '', 0, '0')]
    if other:
        out.leave_out(f'in another plane than {other[0]} = 0', label)
    elif not label:
        out.leave_out('no class yet')
    elif kind in ('LineString', 'MultiLineString'):
        for line in [coordinates] if kind == 'LineString' else coordinates:
            out.line([flat(point) for point in line], label)
    else:
        for point in [coordinates] if kind == 'Point' else coordinates:
            out.click(*flat(point), label)


def flat(point: list) -> tuple:
    """A point of two coordinates.

    Raises:
        ValueError: It has another number of them.
    """
    if len(point) != 2:
        raise ValueError(f'a point has x and y, got {as_text(point)}')
    return tuple(point)
