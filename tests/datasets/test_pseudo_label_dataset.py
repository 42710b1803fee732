import json
from pathlib import Path

import pytest
from mmseg.registry import DATASETS
from PIL import Image

from mmseg_weak.datasets.weak_dataset import with_pseudo_labels

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


def test_labels_that_are_not_made_yet(root):
    (root / 'labels').rename(root / 'elsewhere')
    with pytest.raises(FileNotFoundError, match=r'labels: there are no pseudo-labels yet'):
        build(root)


def test_labels_that_are_not_finished_are_refused(root):
    (root / 'labels/report.json').unlink()
    with pytest.raises(ValueError, match='1 of 3 images .* are not finished; the same'):
        build(root)


def test_labels_are_never_mapped_again(root):
    dataset = build(root, reduce_zero_label=True)
    assert dataset[0]['reduce_zero_label'] is False and dataset[0]['label_map'] is None


def test_both_names_of_the_folder(root):
    folder = dict(pseudo_label_dir=str(root / 'labels'))
    settings = dict(
        type='PseudoLabelDataset',
        ann_file=str(root / 'list.txt'),
        metainfo=dict(classes=CLASSES),
    )
    images = dict(img_path=str(root))
    dataset = DATASETS.build(dict(settings, data_prefix=images, **folder))
    assert list(dataset) == list(build(root))
    for prefix, label_dir in ((images, {}), (dict(images, seg_map_path='x'), folder)):
        with pytest.raises(ValueError, match='needs pseudo_label_dir'):
            DATASETS.build(dict(settings, data_prefix=prefix, **label_dir))


def test_all_labels_there_is_complete(root):
    Image.new('L', (4, 4)).save(root / 'labels/b.png')
    (root / 'labels/report.json').unlink()
    assert len(build(root)) == 3


def test_labels_of_another_program(root):
    (root / 'labels/report.json').unlink()
    manifest = dict(classes=CLASSES, made_by='SAM 2, boxes of a colleague')
    (root / 'labels/manifest.json').write_text(json.dumps(manifest))
    assert len(build(root)) == 2
    Image.new('L', (4, 4), 7).save(root / 'labels/c.png')
    with pytest.raises(ValueError, match=r'c\.png: class id 7, the manifest names 2'):
        build(root)


@pytest.mark.parametrize(
    ('content', 'message'),
    [
        (b'', 'not valid JSON'),
        (b'{"classes": ["background", "c', 'not valid JSON'),
        (b'\xff\xfe\x00', 'unreadable'),
        (b'[]', 'expected an object'),
        (b'[' * 5000, 'not valid JSON'),
        (b'{}', 'for the classes none'),
        (b'{"classes": 3}', 'for the classes none'),
    ],
)
def test_damaged_manifests_are_named(root, content, message):
    (root / 'labels/manifest.json').write_bytes(content)
    with pytest.raises(ValueError, match=rf'manifest\.json: .*{message}'):
        build(root)


def test_a_suffix_in_capitals(root):
    Image.new('RGB', (4, 4)).save(root / 'a.JPG')
    assert [Path(info['img_path']).name for info in build(root)] == ['a.JPG', 'c.jpg']


def test_a_pipeline_that_would_load_no_labels_is_refused():
    assert with_pseudo_labels([], 'labels') == []
    with pytest.raises(ValueError, match="pseudo_label_dir='labels', and no step of the"):
        with_pseudo_labels([dict(type='MyImages'), dict(type='Resize')], 'labels')
