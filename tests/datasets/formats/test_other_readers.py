"""What is written is accepted by the readers of others, where they are installed."""

import json

import numpy as np
import pytest
from golden import GOLDEN
from PIL import Image
from test_masks import CLASSES, folder  # noqa: F401  a fixture
from test_round_trip import build

from mmseg_weak.datasets.formats import write_annotations
from mmseg_weak.datasets.formats.brush import decode_brush
from mmseg_weak.datasets.formats.masks import write_masks

MARKS = [
    ('sub/a.jpg', [(1.5, 2.25)], 'cat', False),
    ('b.jpg', [(6, 4)], 'red panda', False),
]


@pytest.mark.parametrize('name', ['coco', 'coco-polygons'])
def test_pycocotools_draws_the_masks(folder, name):  # noqa: F811
    coco = pytest.importorskip('pycocotools.coco', reason='needs pycocotools')
    source, made, out = folder
    write_masks(out / 'a.json', source, name)
    read = coco.COCO(str(out / 'a.json'))
    names = {c['id']: c['name'] for c in read.loadCats(read.getCatIds())}
    for image in read.loadImgs(read.getImgIds()):
        mask = made[image['file_name']]
        for category, label in names.items():
            ids = read.getAnnIds(imgIds=image['id'], catIds=category)
            drawn = [read.annToMask(a).astype(bool) for a in read.loadAnns(ids)]
            right = mask == CLASSES.index(label)
            drawn = np.any(drawn, axis=0) if drawn else np.zeros_like(right)
            np.testing.assert_array_equal(drawn, right)


def test_pycocotools_takes_the_key_points(tmp_path):
    coco = pytest.importorskip('pycocotools.coco', reason='needs pycocotools')
    write_annotations(tmp_path / 'k.json', build(MARKS, []), 'coco-keypoints')
    read = coco.COCO(str(tmp_path / 'k.json'))
    points = {
        read.loadImgs(a['image_id'])[0]['file_name']: a['keypoints']
        for a in read.loadAnns(read.getAnnIds())
    }
    assert points == {'sub/a.jpg': [1.5, 2.25, 2], 'b.jpg': [6, 4, 2]}


def test_labelme_draws_the_polygons(folder):  # noqa: F811
    shape = pytest.importorskip('labelme.utils.shape', reason='needs labelme')
    source, made, out = folder
    write_masks(out, source, 'labelme')
    for file in out.rglob('*.json'):
        content = json.loads(file.read_text())
        image = (file.parent / content['imagePath']).relative_to(out).as_posix()
        size = content['imageHeight'], content['imageWidth']
        for entry in content['shapes']:
            drawn = shape.shape_to_mask(size, entry['points'], entry['shape_type'])
            # Pillow draws the outline too: one pixel more to the right and below.
            assert drawn.any() and drawn.shape == made[image].shape


def test_label_studio_decodes_the_brushes(folder):  # noqa: F811
    brush = pytest.importorskip(
        'label_studio_sdk.converter.brush', reason='needs label-studio-sdk'
    )
    source, made, out = folder
    write_masks(out / 'a.json', source, 'labelstudio')
    for task in json.loads((out / 'a.json').read_text()):
        mask = made[task['data']['image'].split('?d=')[1]]
        for result in task['predictions'][0]['result']:
            flat = brush.decode_rle(result['value']['rle'])
            drawn = np.reshape(flat, [*mask.shape, 4])[:, :, 3] > 0
            label = CLASSES.index(result['value']['brushlabels'][0])
            np.testing.assert_array_equal(drawn, mask == label)
            theirs = brush.encode_rle(np.repeat((mask == label) * np.uint8(255), 4))
            back = decode_brush(list(map(int, theirs)), *mask.shape[::-1])
            np.testing.assert_array_equal(back, mask == label)


def test_datumaro_reads_points_and_masks(folder, tmp_path):  # noqa: F811
    datumaro = pytest.importorskip('datumaro', reason='needs datumaro')
    source, made, out = folder
    write_annotations(tmp_path / 'p/annotations/default.json', build(MARKS, []), 'datumaro')
    read = datumaro.Dataset.import_from(str(tmp_path / 'p'), 'datumaro')
    points = {item.id: item.annotations[0].points for item in read if item.annotations}
    assert points == {'sub/a': [1.5, 2.25], 'b': [6, 4]}
    write_annotations(out / 'points.xml', build(MARKS, []), 'cvat')
    write_masks(out / 'masks.xml', source, 'cvat')
    (out / 'images').symlink_to(source.images)
    read = datumaro.Dataset.import_from(str(out / 'masks.xml'), 'cvat')
    labels = read.categories()[datumaro.AnnotationType.label]
    found = {item.id: item.annotations for item in read}
    for image, mask in made.items():
        for annotation in found[image.removesuffix('.jpg')]:
            label = CLASSES.index(labels[annotation.label].name)
            np.testing.assert_array_equal(annotation.image, mask == label)
    for name in ('sub/a.jpg', 'b.jpg', 'ä ö.jpg'):  # it wants every image to be there
        (source.images / name).parent.mkdir(exist_ok=True)
        (source.images / name).touch()
    read = datumaro.Dataset.import_from(str(out / 'points.xml'), 'cvat')
    assert {i.id: i.annotations[0].points for i in read if i.annotations} == points


def test_ultralytics_checks_the_data_set(folder):  # noqa: F811
    utils = pytest.importorskip('ultralytics.data.utils', reason='needs ultralytics')
    source, made, out = folder
    write_masks(out, source, 'ultralytics')
    data = utils.check_det_dataset(str(out / 'data.yaml'), autodownload=False)
    assert data['names'] == dict(enumerate(CLASSES)) and data['masks_dir'] == 'masks'
    for image, mask in made.items():
        path = out / data['masks_dir'] / 'train' / image
        np.testing.assert_array_equal(
            np.asarray(Image.open(path.with_suffix('.png'))), mask
        )


def test_nnunet_checks_the_data_set(folder):  # noqa: F811
    verify = pytest.importorskip(
        'nnunetv2.experiment_planning.verify_dataset_integrity', reason='needs nnunetv2'
    )
    source, _, out = folder
    write_masks(out, source, 'nnunet')
    verify.verify_dataset_integrity(str(out), num_processes=1)


def test_golden_key_points_are_read_by_pycocotools(tmp_path):
    coco = pytest.importorskip('pycocotools.coco', reason='needs pycocotools')
    path, _ = GOLDEN['coco-keypoints'].write(tmp_path)
    read = coco.COCO(str(path))
    points = [
        a['keypoints'][i : i + 2]
        for a in read.loadAnns(read.getAnnIds())
        for i in range(0, len(a.get('keypoints', ())), 3)
        if a['keypoints'][i + 2] == 2
    ]
    expected = [list(points[0]) for _, points, *_ in GOLDEN['coco-keypoints'].clicks]
    assert points == expected
