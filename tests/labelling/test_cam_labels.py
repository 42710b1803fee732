"""Labels from activation maps equal those made by hand, through any interruption."""

import json

import mmcv
import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmseg.registry import MODELS
from mmseg.structures import SegDataSample
from PIL import Image
from skimage.filters import threshold_li
from toy import CLASSES, toy_config, toy_model

from mmseg_weak.cli import run_verb
from mmseg_weak.labelling import CAMLabeller, make_labels
from mmseg_weak.labelling import folder as label_folder
from mmseg_weak.labelling.folder import read_maps
from mmseg_weak.refinement import dense_crf

PIPELINE = [
    dict(type='LoadImageFromFile'),
    dict(type='LoadImageTags'),
    dict(type='RandomCrop', crop_size=(48, 48)),
    dict(type='PackWeakSegInputs'),
]
SCALES = (1.0, 0.5)


@pytest.fixture(scope='module')
def peer(toy_root, tmp_path_factory):
    """An untrained classifier on the tags of the toy clicks."""
    init_default_scope('mmseg')
    folder = tmp_path_factory.mktemp('cam')
    model = dict(toy_model(), type='CAMSegmentor')
    model['decode_head'] = dict(type='CAMHead', in_channels=16, num_classes=3)
    config = toy_config(toy_root, folder / 'work', model)
    config.train_dataloader.dataset.type = 'ImageTagDataset'
    config.train_dataloader.dataset.pipeline = PIPELINE
    config.custom_imports = dict(imports=['mmseg_weak'], allow_failed_imports=False)
    torch.manual_seed(0)
    network = MODELS.build(config.model)
    network.decode_head.classifier.weight.data.normal_()
    config.dump(folder / 'cam.py')
    meta = dict(dataset_meta=dict(classes=CLASSES))
    torch.save(dict(state_dict=network.state_dict(), meta=meta), folder / 'cam.pth')
    return dict(config=f'{folder}/cam.py', checkpoint=f'{folder}/cam.pth'), network.eval()


def make(peer, out, **options):
    if not {'background_score', 'background_power'} & set(options):
        options['background_score'] = 0.4
    config = Config.fromfile(peer[0]['config'])
    job = {key: options.pop(key) for key in ('masks',) if key in options}
    labeller = CAMLabeller([peer[0]], **dict(dict(scales=SCALES), **options))
    return make_labels(config, labeller, str(out), **job)


def read(folder):
    return {path.name: np.array(Image.open(path)) for path in folder.glob('*.png')}


def cams_by_hand(peer, toy_root, name):
    """Maps of the tags of an image by the segmentor's own forward."""
    clicks = json.loads((toy_root / 'clicks.json').read_text())[name]
    tags = sorted({click['cls'] for click in clicks} - {0})
    image = np.array(Image.open(toy_root / 'images' / f'{name}.png'))
    inputs = (torch.from_numpy(image).permute(2, 0, 1)[None].float() - 127.5) / 60
    one_hot = torch.tensor([[float(c in tags) for c in (1, 2)]])
    cams, _, _ = peer[1].cams(inputs, one_hot, (64, 64), SCALES, True)
    return image, cams[0].numpy(), np.array([0, *tags])


def test_labels_at_another_size_are_those_of_smaller_images(peer, toy_root, tmp_path):
    """Images of half the size, made by hand, and their labels doubled."""
    (tmp_path / 'images').mkdir()
    for path in (toy_root / 'images').glob('*.png'):
        small = mmcv.imresize(mmcv.imread(path), (32, 32))
        mmcv.imwrite(small, str(tmp_path / 'images' / path.name))
    config = Config.fromfile(peer[0]['config'])
    clicks = str(toy_root / 'clicks.json')
    config.train_dataloader.dataset.update(data_root=str(tmp_path), click_file=clicks)
    config.train_dataloader.dataset.ann_file = ''
    labeller = CAMLabeller([peer[0]], scales=SCALES, background_score=0.4)
    make_labels(config, labeller, str(tmp_path / 'of_small'))
    make(peer, tmp_path / 'halved', long_side=32)
    small, halved = read(tmp_path / 'of_small'), read(tmp_path / 'halved')
    assert len(halved) == 12 and len(np.unique([*halved.values()])) > 1
    for name, label in halved.items():
        doubled = small[name].repeat(2, axis=0).repeat(2, axis=1)
        np.testing.assert_array_equal(label, doubled)
    with pytest.raises(ValueError, match='no long_side'):
        make(peer, tmp_path / 'other', long_side=32, cams=str(tmp_path / 'maps'))


def test_labels_and_stored_maps_equal_those_made_by_hand(peer, toy_root, tmp_path):
    options = dict(masks=str(toy_root / 'masks'), cams=str(tmp_path / 'cams'))
    report = make(peer, tmp_path / 'labels', **options)
    labels = read(tmp_path / 'labels')
    assert len(labels) == 12 and report['images'] == 12 and report['coverage'] == 100
    assert report['background_score'] == 0.4 and 0 <= report['mIoU'] <= 100
    for name, label in labels.items():
        _, cams, names = cams_by_hand(peer, toy_root, name[:-4])
        scores = np.concatenate([np.full((1, 64, 64), 0.4), cams])
        assert (label != names[scores.argmax(0)]).mean() < 2e-3
        stored, stored_names, size = read_maps(tmp_path / 'cams', name[:-4])
        assert stored.shape == (len(names) - 1, 16, 16) and size == (64, 64)
        assert stored_names.tolist() == names[1:].tolist()
        assert 0.99 < stored.max() <= 1 and stored.min() >= 0
        near = cams.reshape(-1, 16, 4, 16, 4).mean((2, 4))
        assert np.abs(stored - near).mean() < 0.05


def test_score_without_ground_truth_is_lis_threshold(peer, toy_root, tmp_path):
    report = make(peer, tmp_path, background_score='li')
    written = json.loads((tmp_path / 'background_score.json').read_text())
    values = []
    for i in range(12):
        cams = cams_by_hand(peer, toy_root, f'toy_{i:02d}')[1]
        if len(cams):
            values.append(cams.max(0)[2::4, 2::4].ravel())
    expected = threshold_li(np.concatenate(values), tolerance=1e-4)
    assert report['background_score'] == pytest.approx(expected, abs=0.03)
    assert written['images'] == 12 and sum(written['histogram']) == 12 * 16 * 16
    # Called again, the choice is read, not made again.
    written['background_score'] = 0.99
    (tmp_path / 'background_score.json').write_text(json.dumps(written))
    assert make(peer, tmp_path, background_score='li')['background_score'] == 0.99


def test_crf_of_scores(peer, toy_root, tmp_path):
    crf = dict(type='dense_crf', num_iters=2)
    make(peer, tmp_path, background_power=2, refinement=crf)
    for name, label in list(read(tmp_path).items())[:3]:
        image, cams, names = cams_by_hand(peer, toy_root, name[:-4])
        scores = np.concatenate([(1 - cams.max(0, keepdims=True)) ** 2, cams])
        refined = dense_crf(image, scores.clip(1e-5, 1), num_iters=2)
        assert (label != names[refined.argmax(0)]).mean() < 5e-3


def test_an_interrupted_run_goes_on(peer, tmp_path, monkeypatch):
    make(peer, tmp_path / 'whole')
    write, written = label_folder.write_mask, []

    def interrupt(path, *args):
        if len(written) == 5:
            path.write_bytes(b'half a file')
            raise KeyboardInterrupt
        written.append(path.name)
        write(path, *args)

    out, cams = tmp_path / 'broken', tmp_path / 'cams'
    monkeypatch.setattr(label_folder, 'write_mask', interrupt)
    with pytest.raises(KeyboardInterrupt):
        make(peer, out, cams=str(cams))
    assert sorted(read(out)) == sorted(written)
    monkeypatch.setattr(
        label_folder, 'write_mask', lambda p, *a: written.append(p.name) or write(p, *a)
    )
    make(peer, out, cams=str(cams))
    assert len(written) == len(set(written)) == 12, 'no image is labelled twice'
    for name, label in read(tmp_path / 'whole').items():
        np.testing.assert_array_equal(read(out)[name], label)
    # Maps that went missing are made again.
    (cams / 'toy_03.npz').unlink()
    make(peer, out, cams=str(cams))
    assert len(list(cams.glob('*.npz'))) == 12


def test_maps_of_other_weights_are_not_mixed(peer, tmp_path):
    make(peer, tmp_path / 'a', cams=str(tmp_path / 'cams'))
    with pytest.raises(ValueError, match=r'other settings \(scales\)'):
        make(peer, tmp_path / 'b', scales=(1.0,), cams=str(tmp_path / 'cams'))
    # Another rule for labels does not change the maps.
    make(peer, tmp_path / 'c', background_score=0.2, cams=str(tmp_path / 'cams'))
    (tmp_path / 'cams' / 'toy_00.npz').write_bytes(b'no zip')
    with pytest.raises(ValueError, match=r'toy_00\.npz is no whole \.npz'):
        read_maps(tmp_path / 'cams', 'toy_00')
    with pytest.raises(FileNotFoundError, match='has no stored maps'):
        read_maps(tmp_path / 'cams', 'toy_99')


def test_tool_with_two_workers(peer, toy_root, tmp_path, capsys):
    make(peer, tmp_path / 'one', background_score='li', walk=True)
    arguments = [peer[0]['config'], peer[0]['checkpoint'], '--out', tmp_path / 'two']
    arguments += ['--scales', *SCALES, '--walk', '--workers', 2, '--background-score', 'li']
    run_verb('label', list(map(str, arguments)))
    assert '12 images, 100.00 % of pixels labelled' in capsys.readouterr().out
    one, two = read(tmp_path / 'one'), read(tmp_path / 'two')
    assert one.keys() == two.keys()
    for name, label in one.items():
        # One thread or several sum in another order.
        assert (two[name] != label).mean() < 1e-2


def test_mistakes(peer, tmp_path):
    config = Config.fromfile(peer[0]['config'])
    with pytest.raises(ValueError, match='labels alone'):
        CAMLabeller([peer[0]] * 2)
    out = str(tmp_path / 'out')
    config.train_dataloader.dataset.pipeline = [PIPELINE[0], PIPELINE[-1]]
    with pytest.raises(ValueError, match='has no LoadImageTags'):
        make_labels(config, CAMLabeller([peer[0]]), out)
    config.train_dataloader.dataset = config.val_dataloader.dataset
    with pytest.raises(ValueError, match='BaseSegDataset has neither tags nor clicks'):
        make_labels(config, CAMLabeller([peer[0]]), out)
    other = Config.fromfile(peer[0]['config'])
    other.model = toy_model()
    other.dump(tmp_path / 'net.py')
    net = dict(peer[0], config=str(tmp_path / 'net.py'))
    with pytest.raises(ValueError, match='not a checkpoint of the model'):
        make_labels(Config.fromfile(net['config']), CAMLabeller([net]), out + '2')


def test_labels_of_the_tool_are_those_of_predict(peer, toy_root, tmp_path):
    make(peer, tmp_path)
    network = peer[1]
    network.scales, network.flip, network.background_score = SCALES, True, 0.4
    name, label = next(iter(read(tmp_path).items()))
    image, _, names = cams_by_hand(peer, toy_root, name[:-4])
    inputs = (torch.from_numpy(image).permute(2, 0, 1)[None].float() - 127.5) / 60
    meta = dict(image_classes=tuple(names[1:].tolist()), ori_shape=(64, 64))
    result = network.predict(inputs, [SegDataSample(metainfo=meta)])[0]
    assert (result.pred_sem_seg.data[0].numpy() != label).mean() < 2e-3
