"""COCO key points: ``annotations[].keypoints`` as x, y, visibility."""

from ...registry import READERS
from .annotations import Annotations
from .base import Format, ReadOptions, write_json
from .collector import Collector
from .source import Source

HIDDEN, VISIBLE = 1, 2


@READERS.register_module('coco-keypoints')
class COCOKeypoints(Format):
    """The class is the category, or the key point's name where a category has several.

    Points that are not labelled (0) or hidden behind something else (1) are left out: the
    pixel of a hidden point shows another thing.
    """

    title = 'COCO key points'
    keys = ('images', 'annotations', 'categories')

    @staticmethod
    def read(source: Source, out: Collector, options: ReadOptions) -> None:
        """Every annotation."""
        images, categories = {}, {}
        for entry in source.json['images']:
            out.name, out.where = '', f'image {entry["id"]}'
            size = (entry['width'], entry['height']) if entry.get('width') else None
            out.image(entry['file_name'], size, once=True)
            if entry['id'] in images:
                raise ValueError(f'the image id {entry["id"]} occurs twice')
            images[entry['id']] = entry['file_name']
        for entry in source.json['categories']:
            categories[entry['id']] = entry['name'], entry.get('keypoints') or []
        for position, entry in enumerate(source.json['annotations']):
            out.name, out.where = '', f'annotation {entry.get("id", position)}'
            if entry['image_id'] not in images or entry['category_id'] not in categories:
                raise ValueError('image_id or category_id does not exist')
            out.image(images[entry['image_id']])
            name, points = categories[entry['category_id']]
            _read_points(entry.get('keypoints'), name, points, out)

    @staticmethod
    def write(path: str, annotations: Annotations) -> None:
        """Write one annotation for each click, its category the class."""
        names = {name: i for i, name in enumerate(annotations.names(), start=1)}
        ids = {image: i for i, image in enumerate(annotations.clicks.images, start=1)}
        sizes = {image: annotations.size_of(image) for image in ids}
        content = dict(
            images=[
                dict(id=i, file_name=image, width=sizes[image][0], height=sizes[image][1])
                for image, i in ids.items()
            ],
            categories=[
                dict(id=i, name=name, supercategory='', keypoints=['click'], skeleton=[])
                for name, i in names.items()
            ],
            annotations=[
                dict(
                    id=n,
                    image_id=ids[mark.image],
                    category_id=names[mark.label],
                    keypoints=[mark.x, mark.y, VISIBLE],
                    num_keypoints=1,
                    bbox=[mark.x, mark.y, 1, 1],
                    area=1,
                    iscrowd=0,
                )
                for n, mark in enumerate(annotations.marks('points'), start=1)
            ],
        )
        write_json(path, content)


def _read_points(values: list | None, name: str, points: list, out: Collector) -> None:
    if not values:
        out.leave_out('no key points', name)
        return
    if len(values) % 3:
        raise ValueError(f'{len(values)} values are no triples of x, y, visibility')
    if len(points) > 1 and len(points) != len(values) // 3:
        raise ValueError(f'{len(values) // 3} points, the category has {len(points)}')
    for i in range(0, len(values), 3):
        x, y, visible = values[i : i + 3]
        label = points[i // 3] if len(points) > 1 else name
        if visible not in (0, HIDDEN, VISIBLE):
            raise ValueError(f'visibility is 0, 1 or 2, got {visible!r}')
        if visible != VISIBLE:
            out.leave_out('hidden (1)' if visible else 'not labelled (0)', label)
        else:
            out.click(x, y, label)
