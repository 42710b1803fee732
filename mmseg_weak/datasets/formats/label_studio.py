"""Label Studio JSON and JSON_MIN: key points, brushes as scribbles, choices as tags."""

import re
from urllib.parse import parse_qs, unquote, urlsplit

from ...registry import READERS
from ..image_files import IMAGE_SUFFIXES
from .annotations import Annotations
from .base import Format, ReadOptions, write_json
from .brush import brush_lines, decode_brush
from .collector import Collector, finite
from .source import Source

# Keys of JSON_MIN that hold no label.
MIN_KEYS = frozenset(
    ('id', 'annotator', 'annotation_id', 'created_at', 'updated_at', 'lead_time')
)
CHOICE = 'choice'


@READERS.register_module('labelstudio')
class LabelStudio(Format):
    """Positions are percent of the image; each annotator's annotation counts.

    Predictions, drafts and cancelled annotations are no labels. That a key point's class
    may stand in a twin result of type ``labels``, and how JSON_MIN writes choices, is not
    in the tool's reference: read with tolerance here.
    """

    title = 'Label Studio JSON'
    holds = ('points', 'tags')

    @staticmethod
    def sniff(source: Source) -> bool:
        """A list of tasks with ``data`` and what is on it, or the flattened form."""
        first = next(iter(source.json_list), None)
        keys = set(first) if isinstance(first, dict) else set()
        if 'data' in keys and keys & {'annotations', 'predictions'}:
            return True
        return {'annotation_id', 'annotator'} <= keys

    @staticmethod
    def read(source: Source, out: Collector, options: ReadOptions) -> None:
        """Every task."""
        for position, task in enumerate(source.json):
            out.name, out.where = '', f'task {task.get("id", position)}'
            if not {'annotations', 'predictions'} & set(task):
                _read_flat(task, out, options)
                continue
            out.image(_image_name(task['data']), once=True)
            for kind in ('predictions', 'drafts'):
                if task.get(kind) and isinstance(task[kind], list):
                    out.leave_out(f'{kind} of a machine or unfinished')
            annotations = task.get('annotations', ())
            valid = [a for a in annotations if not a.get('was_cancelled')]
            if len(valid) > 1:
                out.note('some images have several annotators, and all of them count')
            for annotation in annotations:
                if annotation.get('was_cancelled'):
                    out.leave_out('cancelled annotation')
                else:
                    _read_results(annotation['result'], out, options)

    @staticmethod
    def write(path: str, annotations: Annotations) -> None:
        """Write one task an image, clicks in percent."""
        results: dict[str, list] = {image: [] for image in annotations.clicks.images}
        for i, mark in enumerate(annotations.marks('points')):
            width, height = annotations.size_of(mark.image)
            x, y = mark.x * 100 / width, mark.y * 100 / height
            value = dict(x=x, y=y, width=0.5, keypointlabels=[mark.label])
            result = label_studio_result(f'p{i}', 'keypointlabels', value, width, height)
            results[mark.image].append(result)
        for image, label in annotations.tag_rows(present=True):
            width, height = annotations.size_of(image)
            value = dict(choices=[label])
            result = label_studio_result('', 'choices', value, width, height)
            results[image].append(result)
        tasks = [
            dict(
                id=i,
                data=dict(image=f'/data/local-files/?d={image}'),
                annotations=[dict(was_cancelled=False, result=result)],
            )
            for i, (image, result) in enumerate(results.items(), start=1)
        ]
        write_json(path, tasks)


def label_studio_result(name: str, kind: str, value: dict, width: int, height: int) -> dict:
    """One entry of ``result`` for the control tags of the tool's templates."""
    result = dict(
        type=kind,
        value=value,
        from_name='choice' if kind == 'choices' else 'tag',
        to_name='image',
        original_width=width,
        original_height=height,
        image_rotation=0,
    )
    return dict(result, id=name) if name else result


def _read_results(results: list, out: Collector, options: ReadOptions) -> None:
    """Results of one annotation; a twin of type ``labels`` names the class of its id."""
    twins = {
        r['id']: r['value']['labels']
        for r in results
        if r.get('type') == 'labels' and 'id' in r
    }
    for position, result in enumerate(results):
        kind, value = result['type'], result['value']
        out.where = f'result {result.get("id", position)}'
        if kind == 'choices':
            if 'x' in value or result.get('id') in twins:
                out.leave_out('choice of one region, no tag of the image')
            else:
                for choice in value['choices']:
                    out.tag(choice)
        elif kind in ('keypointlabels', 'keypoint'):
            labels = value.get('keypointlabels') or twins.get(result.get('id'))
            _take_point(value, result, labels, out, options)
        elif kind in ('brushlabels', 'brush') and value.get('format') == 'rle':
            labels = value.get('brushlabels') or twins.get(result.get('id'))
            _take_brush(value, result, labels, out, options)
        elif kind != 'labels':
            out.leave_out(f'{kind}, neither click nor scribble')


def _read_flat(task: dict, out: Collector, options: ReadOptions) -> None:
    """One entry of JSON_MIN."""
    out.image(_image_name(task))
    unused = []
    for key, value in task.items():
        if isinstance(value, list) and value and isinstance(value[0], dict):
            for item in value:
                if 'keypointlabels' in item:
                    out.where = key
                    _take_point(item, item, item['keypointlabels'], out, options)
                elif 'brushlabels' in item and item.get('format') == 'rle':
                    out.where = key
                    _take_brush(item, item, item['brushlabels'], out, options)
                else:
                    out.leave_out(f'{key}, neither click nor scribble')
        elif isinstance(value, dict) and 'choices' in value:
            for choice in value['choices']:
                out.tag(choice)
        elif key in (CHOICE, options.class_key) and isinstance(value, str):
            out.tag(value)
        elif key not in MIN_KEYS and value and not _is_image(value):
            unused.append(key)
    if unused:
        out.note(f'keys not used: {", ".join(unused)} (class_key names the one of tags)')


def _frame(result: dict, out: Collector) -> tuple[float, float]:
    """Width and height of the image that a result is on.

    Raises:
        ValueError: The image was rotated in the tool.
    """
    if result.get('image_rotation'):
        raise ValueError(
            f'the image was rotated by {result["image_rotation"]} degrees in Label Studio, '
            'and what its positions refer to then is not documented; label it unrotated'
        )
    width, height = result['original_width'], result['original_height']
    out.size(width, height)
    return width, height


def _one_label(labels: object, out: Collector, options: ReadOptions) -> str | None:
    """The class of a region, None (and counted) when there is not just one."""
    labels = labels or ([options.class_name] if options.class_name else [])
    if len(labels) != 1:
        out.leave_out('several classes on one region' if labels else 'no class yet')
        return None
    return labels[0]


def _take_point(
    value: dict, result: dict, labels: object, out: Collector, options: ReadOptions
) -> None:
    width, height = _frame(result, out)
    x, y = (finite(value[key], key) for key in ('x', 'y'))
    if not (0 <= x <= 100 and 0 <= y <= 100):
        raise ValueError(f'positions are percent from 0 to 100, got ({x:g}, {y:g})')
    label = _one_label(labels, out, options)
    if label is not None:
        out.click(x * width / 100, y * height / 100, label)


def _take_brush(
    value: dict, result: dict, labels: object, out: Collector, options: ReadOptions
) -> None:
    width, height = _frame(result, out)
    label = _one_label(labels, out, options)
    if label is not None:
        for line in brush_lines(decode_brush(value['rle'], int(width), int(height))):
            out.line(line, label)


def _is_image(value: object) -> bool:
    if not isinstance(value, str):
        return False
    return file_of_url(value).lower().endswith(IMAGE_SUFFIXES)


def _image_name(data: dict) -> str:
    """The image among the fields of a task.

    Raises:
        ValueError: No field, or more than one, is an image.
    """
    found = [value for value in data.values() if _is_image(value)]
    if isinstance(data.get('image'), str):
        found = [data['image']]
    if len(found) != 1:
        raise ValueError(f'one image a task is read, its data has {len(found)}')
    return file_of_url(found[0])


def file_of_url(url: str) -> str:
    """The file below the storage of the tool that an address stands for."""
    parts = urlsplit(url)
    query = parse_qs(parts.query)
    for key in ('d', 'filepath'):
        if key in query:
            return re.sub(r'^upload/\d+/', '', query[key][0].lstrip('/'))
    path = unquote(parts.path) if parts.scheme or url.startswith('/') else url
    return re.sub(r'^/?data/upload/\d+/', '', path).lstrip('/')
