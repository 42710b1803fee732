"""VGG Image Annotator 3: metadata of views of files, attributes by id."""

from ...registry import READERS
from .annotations import Annotations
from .base import Format, ReadOptions, write_json
from .collector import Collector
from .source import Source

POINT, LINE, POLYLINE = 1, 5, 6
IMAGE_FILE = 2
# Types of attributes whose value is an option's id, or several; a text is none.
WITH_OPTIONS = (2, 3, 4, 5)


@READERS.register_module('via3')
class VIA3(Format):
    """``xy`` begins with the kind of shape; without one, the attribute is of the image."""

    title = 'VIA 3 JSON'
    holds = ('points', 'lines', 'tags')
    keys = ('metadata', 'attribute', 'file', 'view')

    @staticmethod
    def read(source: Source, out: Collector, options: ReadOptions) -> None:
        """Every entry of ``metadata``."""
        project = source.json
        images = {}
        for view, content in project['view'].items():
            out.name, out.where = '', f'view {view}'
            files = [project['file'][str(i)] for i in content['fid_list']]
            if len(files) != 1 or files[0].get('type', IMAGE_FILE) != IMAGE_FILE:
                out.leave_out('view of a video or of several files')
                continue
            images[view] = files[0].get('fname') or files[0]['src']
            out.image(images[view], once=True)
        for kind in (True, False):
            entries = {
                k: m for k, m in project['metadata'].items() if bool(m['xy']) is kind
            }
            used = (i for m in entries.values() for i in m['av'])
            names = {project['attribute'][i]['aname']: i for i in used}
            chosen = options.choose_key(names, 'attribute') if kind else None
            for key, entry in entries.items():
                if str(entry['vid']) not in images:
                    continue
                out.image(images[str(entry['vid'])])
                out.where = f'metadata {key}'
                ids = [names[chosen]] if chosen else [] if kind else list(entry['av'])
                labels = [
                    c for i in ids for c in _options(project['attribute'][i], entry, i)
                ]
                _take(entry, labels, out, options)

    @staticmethod
    def write(path: str, annotations: Annotations) -> None:
        """Write a project with one attribute, ``class``, for regions and files."""
        names = {name: str(i) for i, name in enumerate(annotations.names())}
        ids = {image: str(i + 1) for i, image in enumerate(annotations.clicks.images)}
        choices = {i: name for name, i in names.items()}
        entries = []
        for mark in annotations.marks('points', 'lines'):
            kind = POLYLINE if len(mark.points) > 1 else POINT
            xy = [kind, *(value for point in mark.points for value in point)]
            entries.append((mark.image, xy, mark.label))
        entries += [(i, [], label) for i, label in annotations.tag_rows(present=True)]
        content = dict(
            project=dict(
                pid='__VIA_PROJECT_ID__', pname='clicks', data_format_version='3.1.1'
            ),
            attribute={
                '1': dict(aname='class', anchor_id='FILE1_Z0_XY1', type=4, options=choices),
                '2': dict(aname='tag', anchor_id='FILE1_Z0_XY0', type=4, options=choices),
            },
            file={
                i: dict(fid=i, fname=image, type=IMAGE_FILE, loc=1, src=image)
                for image, i in ids.items()
            },
            view={i: dict(fid_list=[i]) for i in ids.values()},
            metadata={
                f'{ids[image]}_{n}': dict(
                    vid=ids[image],
                    flg=0,
                    z=[],
                    xy=xy,
                    av={'1' if xy else '2': names[label]},
                )
                for n, (image, xy, label) in enumerate(entries)
            },
        )
        write_json(path, content)


def _options(attribute: dict, entry: dict, key: str) -> list[str]:
    """Names that an entry gives an attribute: chosen options, or a text."""
    value = entry['av'].get(key, '')
    if attribute['type'] in WITH_OPTIONS:
        return [attribute['options'][i] for i in str(value).split(',') if i]
    return [value] if value else []


def _take(entry: dict, labels: list[str], out: Collector, options: ReadOptions) -> None:
    if entry['z']:
        out.leave_out('time of a video')
        return
    if not entry['xy']:
        for label in labels:
            out.tag(label)
        return
    kind, *values = entry['xy']
    labels = labels or [options.class_name]
    if kind not in (POINT, LINE, POLYLINE):
        out.leave_out('neither click nor scribble', labels[0])
    elif len(labels) > 1 or labels[0] is None:
        out.leave_out(
            'several classes on one region' if len(labels) > 1 else 'no class yet'
        )
    elif kind == POINT:
        x, y = values
        out.click(x, y, labels[0])
    elif len(values) % 2:
        raise ValueError(f'{len(values)} values are no pairs of x and y')
    else:
        out.line(list(zip(values[::2], values[1::2])), labels[0])
