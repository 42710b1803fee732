"""VGG Image Annotator 1 and 2: JSON (also inside a project file) and CSV."""

import json
from collections.abc import Iterator

from ...registry import READERS
from ..json_objects import parse_json
from .annotations import Annotations
from .base import Format, ReadOptions, write_json, write_table
from .collector import Collector
from .source import Source

# Attributes that every file has by default and that are no tags.
NO_TAGS = ('caption', 'public_domain', 'image_url')
SHAPES, REGION, FILE = 'region_shape_attributes', 'region_attributes', 'file_attributes'
CSV_COLUMNS = ('filename', 'file_size', FILE, 'region_count', 'region_id', SHAPES, REGION)


@READERS.register_module('via2')
class VIA2(Format):
    """Points and polylines of regions; the class is a region attribute.

    Check boxes and texts among the attributes of a file are tags of the image.
    """

    title = 'VIA 2 JSON'
    holds = ('points', 'lines', 'tags')
    whole_pixels = True

    @staticmethod
    def sniff(source: Source) -> bool:
        """A project file, or entries with ``filename`` and ``regions``."""
        first = next(iter(source.json_object.values()), None)
        if '_via_img_metadata' in source.json_object:
            return True
        return isinstance(first, dict) and {'filename', 'regions'} <= set(first)

    @staticmethod
    def read(source: Source, out: Collector, options: ReadOptions) -> None:
        """Every image."""
        files = source.json.get('_via_img_metadata', source.json)
        key = options.choose_key(
            (name for f in files.values() for r in _regions(f) for name in r[REGION]),
            'region attribute',
        )
        for entry in files.values():
            out.name, out.where = '', ''
            out.image(entry['filename'], once=True)
            read_file_attributes(entry.get(FILE) or {}, out)
            for position, region in enumerate(_regions(entry)):
                out.where = f'region {position}'
                read_region(region['shape_attributes'], region[REGION], key, out, options)

    @staticmethod
    def write(path: str, annotations: Annotations) -> None:
        """Write the entries of ``_via_img_metadata``."""
        content = {
            image + '-1': dict(filename=image, size=-1, regions=[], file_attributes={})
            for image in annotations.clicks.images
        }
        for mark in annotations.marks('points', 'lines'):
            region = dict(
                shape_attributes=via_shape(mark.points),
                region_attributes={'class': mark.label},
            )
            content[mark.image + '-1']['regions'].append(region)
        for image, label in annotations.tag_rows(present=True):
            tags = content[image + '-1'][FILE].setdefault('tags', {})
            tags[label] = True
        write_json(path, content)


@READERS.register_module('via2-csv')
class VIA2CSV(Format):
    """The same as lines, attributes as JSON in cells; VIA 1 writes ``#filename``."""

    title = 'VIA 2 CSV'
    suffixes = ('.csv',)
    holds = ('points', 'lines', 'tags')
    whole_pixels = True
    columns = (SHAPES,)

    @staticmethod
    def read(source: Source, out: Collector, options: ReadOptions) -> None:
        """Every line; an image without a region has one too."""
        name = '#filename' if '#filename' in source.header else 'filename'
        cells = (parse_json('', line[REGION] or '{}') for _, line in source.records())
        key = options.choose_key((k for cell in cells for k in cell), 'region attribute')
        sizes: dict[str, str] = {}
        for where, line in source.records():
            out.name, out.where = '', where
            out.image(line[name])
            if sizes.setdefault(out.name, line['file_size']) != line['file_size']:
                raise ValueError('two images have this name (their file_size differs)')
            if line['region_id'] in ('', '0'):
                read_file_attributes(parse_json('', line[FILE] or '{}'), out)
            shape = parse_json('', line[SHAPES] or '{}')
            if shape:
                read_region(shape, parse_json('', line[REGION]), key, out, options)

    @staticmethod
    def write(path: str, annotations: Annotations) -> None:
        """Write a line for each mark, and one for an image without any."""
        tags, rows = annotations.tags_by_image(), []
        for image, marks in annotations.by_image('points', 'lines'):
            found = dict(tags=dict.fromkeys(tags[image], True)) if tags[image] else {}
            regions = [(via_shape(m.points), {'class': m.label}) for m in marks]
            for i, pair in enumerate(regions or [({}, {})]):
                cells = (json.dumps(found), len(marks), i, *map(json.dumps, pair))
                rows.append((image, -1, *cells))
        write_table(path, CSV_COLUMNS, rows)


def _regions(entry: dict) -> Iterator[dict]:
    """Regions of an image: a list, in VIA 1 an object of numbered ones."""
    regions = entry['regions']
    yield from regions.values() if isinstance(regions, dict) else regions


def via_shape(points: list[tuple[float, float]]) -> dict:
    """Attributes of a shape; positions are the pixels, whole numbers."""
    columns, rows = ([int(v // 1) for v in axis] for axis in zip(*points))
    if len(points) == 1:
        return dict(name='point', cx=columns[0], cy=rows[0])
    return dict(name='polyline', all_points_x=columns, all_points_y=rows)


def read_region(
    shape: dict, attributes: dict, key: str | None, out: Collector, options: ReadOptions
) -> None:
    """Take one region, its class a text or one ticked box."""
    value = attributes.get(key) if key else None
    if isinstance(value, dict):
        ticked = [name for name, on in value.items() if on is True]
        value = ticked[0] if len(ticked) == 1 else ticked and None
        if len(ticked) > 1:
            out.leave_out('several classes on one region')
            return
    label = value or options.class_name
    if shape['name'] not in ('point', 'polyline'):
        out.leave_out(f'{shape["name"]}, neither click nor scribble', label)
    elif not label:
        out.leave_out('no class yet')
    elif shape['name'] == 'point':
        out.click(shape['cx'], shape['cy'], label)
    else:
        out.line(list(zip(shape['all_points_x'], shape['all_points_y'])), label)


def read_file_attributes(attributes: dict, out: Collector) -> None:
    """Take the tags among the attributes of an image."""
    for key, value in attributes.items():
        if isinstance(value, dict):
            for name in (name for name, on in value.items() if on is True):
                out.tag(name)
        elif key not in NO_TAGS and isinstance(value, str) and value.strip():
            out.tag(value)
