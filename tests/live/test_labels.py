"""What a network learns from: labels of the live masks and the clicks."""

import json
import threading

import pytest
import torch
from mmengine.config import Config
from mmseg.registry import DATASETS

from mmseg_weak.datasets.mask_files import read_mask
from mmseg_weak.live import Click, sure_labels, write_labels
from mmseg_weak.live.serve import tell_of_shared_masks
from mmseg_weak.project import init


@pytest.fixture
def clicked(session):
    session.click('a.png', 5.5, 20.5, 'square')
    session.click('a.png', 50.5, 40.5, 'grass')
    session.click('b.jpg', 30.5, 20.5, 'square')
    session.click('b.jpg', 60.5, 5.5, 'grass')
    return session


def test_sure_pixels_are_the_mask_the_rest_is_unlabelled_and_clicks_stay():
    probs = torch.tensor([[[0.9, 0.6, 0.5, 0.2]], [[0.1, 0.4, 0.5, 0.8]]])
    names = ['grass', 'square']
    assert sure_labels(probs, [], names, 0.6).tolist() == [[0, 0, 255, 1]]
    clicks = [
        Click(0, 'a', ((0.9, 0.1),), 'square'),
        Click(1, 'a', ((1.0, 0.0), (2.0, 0.0)), 'grass'),
        Click(2, 'a', ((3.2, 0.2),), 'square', denied=True),
    ]
    assert sure_labels(probs, clicks, names, 0.6).tolist() == [[1, 0, 0, 255]]
    assert sure_labels(probs, clicks[:1], names, 0.0).tolist() == [[1, 0, 0, 1]]


def test_labels_are_the_live_masks_where_they_are_sure(clicked, tmp_path):
    clicked.click('more/a.png', 2.5, 2.5, 'square')  # against what the mask says
    seen = [image for image, _ in write_labels(clicked, tmp_path / 'labels', 0.7)]
    assert seen == clicked.images
    for image in clicked.images:
        probs = clicked.probabilities(image, (48, 64))
        mask = clicked.mask(image)
        label = read_mask((tmp_path / 'labels' / image).with_suffix('.png'))
        sure = (probs.max(0).values >= 0.7).numpy()
        for click in clicked.clicks:
            if click.image == image:
                x, y = (int(v) for v in click.points[0])
                assert label[y, x] == clicked.classes.index(click.name)
                sure[y, x] = True
                mask[y, x] = label[y, x]
        assert (label[sure] == mask[sure]).all() and (label[~sure] == 255).all()


def test_an_interrupted_call_goes_on_and_other_clicks_start_anew(clicked, tmp_path):
    folder = tmp_path / 'labels'
    first = write_labels(clicked, folder)
    next(first)
    first.close()
    assert not (folder / 'report.json').exists()
    (folder / 'a.png').write_bytes(b'whole')
    assert [i for i, _ in write_labels(clicked, folder)] == clicked.images[1:]
    assert (folder / 'report.json').is_file()
    assert (folder / 'a.png').read_bytes() == b'whole'
    assert not list(folder.rglob('.*'))
    clicked.click('a.png', 40.5, 40.5, 'grass')
    assert [i for i, _ in write_labels(clicked, folder)] == clicked.images


def test_a_frozen_session_does_not_follow_later_clicks(clicked):
    frozen, before = clicked.frozen(), clicked.probabilities('b.jpg')
    for x in range(10, 60, 10):
        clicked.click('b.jpg', x + 0.5, 24.5, 'grass')
    clicked.rename_class('grass', 'lawn')
    assert not torch.equal(clicked.probabilities('b.jpg'), before)
    assert torch.equal(frozen.probabilities('b.jpg'), before)
    assert len(frozen.clicks) == 4 and frozen.classes == ['grass', 'square']


def test_threads_share_the_features(clicked):
    clicked.cache.max_memory = 1  # every picture drives another one out
    found = {}

    def ask(number):
        for image in clicked.images * 5:
            found[number, image] = [m.sum() for m in clicked.maps(image)]

    threads = [threading.Thread(target=ask, args=(i,)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 16
    assert all(found[i, image] == found[0, image] for i, image in found)


def test_two_images_of_one_name_are_refused(clicked, tmp_path, capsys):
    tell_of_shared_masks(clicked.images)
    assert not capsys.readouterr().out
    (clicked.photos / 'a.jpg').write_bytes((clicked.photos / 'b.jpg').read_bytes())
    clicked.images.append('a.jpg')
    with pytest.raises(ValueError, match=r'a\.png and a\.jpg would share a mask'):
        next(write_labels(clicked, tmp_path / 'labels'))
    tell_of_shared_masks(clicked.images)
    assert 'a.png and a.jpg would share a mask' in capsys.readouterr().out


def test_init_takes_labels_with_their_classes(clicked, tmp_path):
    for _ in write_labels(clicked, tmp_path / 'labels'):
        pass
    lines = init(clicked.photos, tmp_path / 'labels', tmp_path / 'project')
    assert any('none, scores need masks that no model made' in line for line in lines)
    assert any(f'train {tmp_path}/project/config.py' in line for line in lines)
    config = Config.fromfile(tmp_path / 'project/config.py')
    dataset = DATASETS.build(config.train_dataloader.dataset)
    assert dataset.metainfo['classes'] == ('grass', 'square')
    assert len(dataset) == 4 and config.val_cfg is None
    infos = [dataset.get_data_info(i) for i in range(4)]
    read = {info['img_path']: info['seg_map_path'] for info in infos}
    for image in clicked.images:
        label = (tmp_path / 'labels' / image).with_suffix('.png')
        assert read[str(clicked.photos / image)] == str(label)


@pytest.mark.parametrize(
    ('manifest', 'classes', 'message'),
    [
        ({'classes': ['grass', 'square']}, ['square', 'grass'], 'leave --classes out'),
        ({'classes': 'grass'}, None, 'has no list of classes'),
        ({}, None, 'has no list of classes'),
    ],
)
def test_manifests_that_do_not_fit(clicked, tmp_path, manifest, classes, message):
    folder = tmp_path / 'labels'
    next(write_labels(clicked, folder))
    (folder / 'manifest.json').write_text(json.dumps(manifest))
    with pytest.raises(ValueError, match=message):
        init(clicked.photos, folder, tmp_path / 'project', classes)
