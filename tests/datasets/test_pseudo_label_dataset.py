import json

import pytest
from mmseg.registry import DATASETS
from PIL import Image

CLASSES = ('background', 'cat')


def build(root, **changes):
    return DATASETS.build(
        dict(
            type='PseudoLabelDataset',
            ann_file=str(root / 'list.txt'),
            data_prefix=dict(img_path=str(root), seg_map_path=str(root / 'labels')),
            metainfo=dict(classes=CLASSES),
            pipeline=[],
            **changes,
        )
    )


@pytest.fixture
def root(tmp_path):
    """Three images, two labels."""
    (tmp_path / 'labels').mkdir()
    (tmp_path / 'list.txt').write_text('a\nb\nc\n')
    for name in 'ac':
        Image.new('L', (4, 4)).save(tmp_path / f'labels/{name}.png')
    manifest = dict(classes=CLASSES, settings={})
    (tmp_path / 'labels/manifest.json').write_text(json.dumps(manifest))
    (tmp_path / 'labels/report.json').write_text('{}')
    return tmp_path


def test_images_without_a_label_are_left_out(root):
    dataset = build(root)
    assert [info['img_path'][-5:] for info in dataset] == ['a.jpg', 'c.jpg']
    assert dataset[1]['seg_map_path'].endswith('labels/c.png')
    assert dataset.label_map is None


def test_no_label_at_all(root):
    for path in (root / 'labels').glob('*.png'):
        path.unlink()
    with pytest.raises(FileNotFoundError, match='no label of the 3 images'):
        build(root)


def test_labels_of_other_classes(root):
    (root / 'labels/manifest.json').write_text(json.dumps(dict(classes=['x', 'y'])))
    with pytest.raises(ValueError, match=r'for the classes x, y, .* background, cat'):
        build(root)


def test_masks_are_refused(root):
    (root / 'labels/manifest.json').unlink()
    with pytest.raises(FileNotFoundError, match='reads no masks'):
        build(root)


def test_labels_that_are_not_finished_are_refused(root):
    (root / 'labels/report.json').unlink()
    with pytest.raises(FileNotFoundError, match='the labels are not finished; the same'):
        build(root)


def test_labels_are_never_mapped_again(root):
    dataset = build(root, reduce_zero_label=True)
    assert dataset[0]['reduce_zero_label'] is False and dataset[0]['label_map'] is None
