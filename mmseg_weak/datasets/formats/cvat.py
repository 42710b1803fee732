"""CVAT for images 1.1: ``annotations/image/{points,polyline,tag}`` in one XML file."""

from collections.abc import Iterable
from xml.etree.ElementTree import Element, ElementTree, SubElement

from ...registry import READERS
from .annotations import Annotations
from .base import Format, ReadOptions
from .collector import Collector, from_text
from .source import Source

SHAPES = ('points', 'polyline')
TASKS = ('task', 'project', 'job')


@READERS.register_module('cvat')
class CVATImages(Format):
    """Points (one element may hold many), polylines as scribbles, tags.

    Joints of skeletons are no clicks; shapes ``outside`` a frame do not exist there.
    """

    title = 'CVAT for images 1.1'
    suffixes = ('.xml',)
    holds = ('points', 'lines', 'tags')

    @staticmethod
    def sniff(source: Source) -> bool:
        """XML whose root is ``annotations``."""
        return source.is_xml and '<annotations' in source.head[:2000]

    @staticmethod
    def read(source: Source, out: Collector, options: ReadOptions) -> None:
        """Every image."""
        root = source.xml
        if root.tag != 'annotations' or root.find('track') is not None:
            raise ValueError(
                'this is CVAT for video (tracks over frames); export the task as "CVAT for '
                'images 1.1"'
            )
        paths = (f'meta/{task}/labels/label/name' for task in TASKS)
        labels = [name.text for path in paths for name in root.findall(path)]
        out.vocabulary.update(dict.fromkeys(filter(None, labels)))
        for image in root.findall('image'):
            out.name, out.where = '', f'image {image.get("id")}'
            size = [from_text(image.attrib[k], k) for k in ('width', 'height')]
            out.image(image.attrib['name'], size, once=True)
            for position, shape in enumerate(image):
                out.where = f'{shape.tag} {position}'
                _read_shape(shape, out, options)

    @staticmethod
    def write(path: str, annotations: Annotations) -> None:
        """Write one element for each click, scribble and tag."""
        root = cvat_root(annotations.names())
        images = {}
        for i, name in enumerate(annotations.clicks.images):
            width, height = map(str, annotations.size_of(name))
            attributes = dict(id=str(i), name=name, width=width, height=height)
            images[name] = SubElement(root, 'image', attributes)
        for mark in annotations.marks('points', 'lines'):
            points = ';'.join(f'{x!r},{y!r}' for x, y in mark.points)
            kind = SHAPES[len(mark.points) > 1]
            attributes = dict(label=mark.label, source='manual', points=points)
            SubElement(images[mark.image], kind, attributes)
        for image, label in annotations.tag_rows(present=True):
            SubElement(images[image], 'tag', dict(label=label, source='manual'))
        ElementTree(root).write(path, encoding='utf-8', xml_declaration=True)


def cvat_root(names: Iterable[str]) -> Element:
    """The beginning of a file with the names of its labels."""
    root = Element('annotations')
    SubElement(root, 'version').text = '1.1'
    labels = SubElement(SubElement(SubElement(root, 'meta'), 'task'), 'labels')
    for name in names:
        SubElement(SubElement(labels, 'label'), 'name').text = name
    return root


def _read_shape(shape: Element, out: Collector, options: ReadOptions) -> None:
    label = shape.get('label')
    if shape.tag == 'skeleton':
        out.leave_out('joints of a skeleton', label)
    elif shape.get('outside') == '1':
        out.leave_out('outside the frame', label)
    elif shape.get('source') == 'auto' and not options.machine_labels:
        out.leave_out('set by a machine', label)
    elif shape.tag == 'tag':
        out.tag(shape.attrib['label'])
    elif shape.tag in SHAPES:
        pairs = [pair.split(',') for pair in shape.attrib['points'].split(';')]
        points = [(from_text(x, 'x'), from_text(y, 'y')) for x, y in pairs]
        if shape.tag == 'polyline':
            out.line(points, shape.attrib['label'])
        else:
            for x, y in points:
                out.click(x, y, shape.attrib['label'])
    else:
        out.leave_out(f'{shape.tag}, neither click nor scribble', label)
