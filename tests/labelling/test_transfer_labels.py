"""Pseudo-masks made offline equal those made by hand, with any number of workers."""

import json
import subprocess
import sys

import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmseg.registry import MODELS
from PIL import Image
from toy import CLASSES, REPOSITORY, toy_model
from toy_transfer import transfer_config, write_strong_weak

from mmseg_weak.labelling import TransferLabeller, make_labels
from mmseg_weak.labelling.labellers import transfer
from mmseg_weak.labelling.sources import LabelSource
from mmseg_weak.refinement import DiffusionOptions, superpixel_diffusion

DIFFUSION = dict(num_superpixels=40, background_cam=0.3, border_foreground=0.9)
JOB = ('workers', 'masks')


@pytest.fixture(scope='module')
def root(toy_root, tmp_path_factory):
    return write_strong_weak(toy_root, tmp_path_factory.mktemp('transfer'))


@pytest.fixture(scope='module')
def networks(root):
    """Untrained foreground network and tag classifier with config and checkpoint."""
    init_default_scope('mmseg')
    lnet = toy_model()
    lnet['type'] = 'EncoderDecoder'
    lnet['decode_head'].update(
        num_classes=2, out_channels=1, loss_decode=dict(type='ForegroundBCELoss')
    )
    cam = toy_model()
    cam.update(
        type='CAMSegmentor',
        decode_head=dict(type='CAMHead', in_channels=16, in_index=1, num_classes=3),
        test_cfg=dict(mode='whole'),
    )
    result = {}
    for i, (name, model) in enumerate(dict(lnet=lnet, cam=cam).items()):
        data = dict(images='strong', class_agnostic=True, pseudo_label_dir=None)
        config = transfer_config(root, root / 'work', data=data)
        config.model = model
        torch.manual_seed(i)
        network = MODELS.build(config.model)
        if name == 'cam':
            network.decode_head.classifier.weight.data.abs_()
        path = root / name
        config.dump(f'{path}.py')
        meta = dict(dataset_meta=dict(classes=CLASSES)) if name == 'cam' else {}
        torch.save(dict(state_dict=network.state_dict(), meta=meta), f'{path}.pth')
        result[name] = dict(config=f'{path}.py', checkpoint=f'{path}.pth')
    return result


def make(networks, out, **options):
    options = dict(dict(diffusion=DIFFUSION, scales=(1.0,), flip=False), **options)
    job = {key: options.pop(key) for key in JOB if key in options}
    labeller = make_labeller(networks, **options)
    return make_labels(Config.fromfile(labeller.data), labeller, str(out), **job)


def make_labeller(networks, **options):
    return TransferLabeller([networks['cam']], foreground=networks['lnet'], **options)


def started(networks, **options):
    labeller = make_labeller(networks, **options)
    labeller.start(LabelSource(Config.fromfile(labeller.data)), 'cpu')
    return labeller


def read(folder):
    return {path.name: np.array(Image.open(path)) for path in folder.glob('*.png')}


def load(network):
    model = MODELS.build(Config.fromfile(network['config']).model).eval()
    state = torch.load(network['checkpoint'], weights_only=False)['state_dict']
    model.load_state_dict(state)
    return model


def test_labels_equal_those_made_by_hand(networks, root, tmp_path):
    report = make(networks, tmp_path, masks=str(root / 'masks'), panels=2)
    labels = read(tmp_path)
    assert sorted(labels) == [f'toy_{i:02d}.png' for i in range(6, 12)]
    lnet, cam = load(networks['lnet']), load(networks['cam'])
    correct = total = 0
    for name, label in labels.items():
        image = np.array(Image.open(root / 'images' / name))
        inputs = (torch.from_numpy(image).permute(2, 0, 1)[None].float() - 127.5) / 60
        with torch.no_grad():
            meta = [dict(img_shape=(64, 64))]
            m = lnet.encode_decode(inputs, meta)[0, 0].sigmoid().numpy()
            maps = cam.decode_head(cam.extract_feat(inputs)).relu()
            maps = torch.nn.functional.interpolate(maps, (64, 64), mode='bilinear')[0]
            maps = (maps / (maps.amax((1, 2), keepdim=True) + 1e-5)).numpy()
        expected = superpixel_diffusion(
            image, maps, m, DiffusionOptions(**DIFFUSION)
        ).labels
        assert (label != expected).mean() < 0.01  # ties of float rounding
        mask = np.array(Image.open(root / 'masks' / name))
        correct, total = correct + (label == mask).sum(), total + mask.size
    assert report['accuracy'] == pytest.approx(100 * correct / total)
    assert report['refused'] == {} and report['images'] == 6
    page = (tmp_path / 'panels.html').read_text()
    assert page.count('data:image/png') == 2 and 'toy_06' in page


def test_foreground_is_the_mean_over_scales_and_mirror_images(networks):
    """As the lists of stages ask for it; each view by mmseg's own prediction."""
    labeller = started(networks, scales=(0.75, 1.0), flip=True)
    _, image = labeller._source[0]
    lnet, views = load(networks['lnet']), []
    for size in (48, 64):
        view = torch.nn.functional.interpolate(
            image, (size, size), mode='bilinear', antialias=False
        )
        for flip in (False, True):
            inputs = (view.flip(3) if flip else view) * 255
            with torch.no_grad():
                logits = lnet.encode_decode(
                    (inputs - 127.5) / 60, [dict(img_shape=(size, size))]
                )
            logits = logits.flip(3) if flip else logits
            large = torch.nn.functional.interpolate(logits, (64, 64), mode='bilinear')
            views.append(large.sigmoid())
    found = torch.from_numpy(labeller._maps(0).foreground)
    expected = torch.stack(views).mean(0)[0, 0]
    torch.testing.assert_close(found, expected, rtol=0.02, atol=0.02)


def test_weak_masks_are_not_needed(networks, root, tmp_path):
    """Labels come from images and tags: without any mask of a weak image, the same."""
    make(networks, tmp_path / 'with')
    hidden = root / 'hidden'
    (root / 'masks').rename(hidden)
    try:
        (root / 'masks').mkdir()
        make(networks, tmp_path / 'without')
    finally:
        (root / 'masks').rmdir()
        hidden.rename(root / 'masks')
    one, other = read(tmp_path / 'with'), read(tmp_path / 'without')
    assert all(np.array_equal(one[name], other[name]) for name in one)


def test_workers_and_resume_give_the_same(networks, tmp_path):
    make(networks, tmp_path / 'one')
    make(networks, tmp_path / 'two', workers=2)
    for name in ('toy_07.png', 'toy_10.png'):
        (tmp_path / 'two' / name).unlink()
    make(networks, tmp_path / 'two')
    one, two = read(tmp_path / 'one'), read(tmp_path / 'two')
    assert one.keys() == two.keys()
    assert all(np.array_equal(one[name], two[name]) for name in one)
    with pytest.raises(ValueError, match='holds labels made with other settings'):
        make(networks, tmp_path / 'two', method='cam')


def test_cam_control(networks, tmp_path):
    make(networks, tmp_path / 'low', method='cam', cam_threshold=0.0)
    make(networks, tmp_path / 'high', method='cam', cam_threshold=1.0)
    assert all((label > 0).all() for label in read(tmp_path / 'low').values())
    assert all((label == 0).all() for label in read(tmp_path / 'high').values())


@pytest.mark.parametrize('threshold', [0.0, 0.2, 0.5, 0.8, 1.0])
@pytest.mark.parametrize('method', ['diffusion', 'cam'])
def test_scores_of_a_refinement_decide_like_the_threshold(networks, method, threshold):
    labeller = started(
        networks,
        method=method,
        cam_threshold=threshold,
        diffusion=dict(DIFFUSION, label_threshold=threshold),
        refinement='par',
    )
    refined = labeller(0).labels
    labeller._refine = lambda images, scores: scores
    same = labeller(0).labels
    labeller._refine = None
    plain = labeller(0).labels
    # Ties of float rounding; at 0 a pixel where nothing is active is background.
    decided = (same > 0) | (threshold > 0)
    assert ((same != plain) & decided).mean() < 0.002
    assert threshold in (0, 1) or (refined != plain).any()


def test_a_refinement_is_told_by_the_manifest(networks, tmp_path):
    make(networks, tmp_path)
    settings = json.loads((tmp_path / 'manifest.json').read_text())
    assert 'refinement' not in json.dumps(settings)  # as in earlier folders
    with pytest.raises(ValueError, match='made with other settings'):
        make(networks, tmp_path, refinement='par')


def test_refused_images_are_unknown_and_counted(networks, tmp_path):
    diffusion = dict(num_superpixels=1)
    report = make(networks, tmp_path, diffusion=diffusion)
    assert report['refused'] == {'no seed': 6} and report['coverage'] == 0
    assert all((label == 255).all() for label in read(tmp_path).values())
    reasons = json.loads((tmp_path / 'refused.json').read_text())
    assert 'classes of the image: square, disc' in reasons['toy_06']
    again = make(networks, tmp_path, diffusion=diffusion)
    assert again['refused'] == {'no seed': 6}
    reasons.pop('toy_07')  # as if killed between the label and its reason
    (tmp_path / 'refused.json').write_text(json.dumps(reasons))
    again = make(networks, tmp_path, diffusion=diffusion)
    assert again['refused'] == {'no seed': 6}


def test_panels_of_the_cam_control_ask_for_no_anchors(networks, monkeypatch):
    labeller = started(
        networks, method='cam', cam_threshold=0.0, diffusion=dict(num_superpixels=1)
    )
    drawn = []
    monkeypatch.setattr(transfer, 'transfer_panel', lambda *args: drawn.append(args))
    labeller.panel(0)
    _, _, _, diffusion, labels, _, _ = drawn[0]
    assert diffusion is None and set(np.unique(labels)) <= {1, 2}


def test_networks_that_do_not_fit(networks, tmp_path):
    config = Config.fromfile(networks['lnet']['config'])
    lnet, cam = networks['lnet'], networks['cam']
    with pytest.raises(ValueError, match='has one output per pixel'):
        make(dict(lnet=cam, cam=cam), tmp_path / 'a')
    with pytest.raises(ValueError, match='seeds need a CAMSegmentor'):
        make(dict(lnet=lnet, cam=lnet), tmp_path / 'b')
    config.train_dataloader.dataset = config.val_dataloader.dataset
    with pytest.raises(ValueError, match='need a StrongWeakDataset in train_dataloader'):
        make_labels(config, make_labeller(networks), str(tmp_path / 'c'))


@pytest.mark.parametrize(
    'options',
    [
        dict(method='magic'),
        dict(scales=()),
        dict(cam_threshold=2),
        dict(panels=-1),
        dict(refinement='magic'),
        dict(refinement='geodesic'),
        dict(workers=0),
    ],
)
def test_bad_options(networks, tmp_path, options):
    with pytest.raises(ValueError, match=next(iter(options))):
        make(networks, tmp_path, **options)


def test_networks_that_saw_masks_of_weak_classes_are_refused(networks, root, tmp_path):
    other = Config.fromfile(networks['lnet']['config'])
    data = other.train_dataloader.dataset
    data.strong_classes, data.weak_classes = data.weak_classes, data.strong_classes
    other.dump(tmp_path / 'other.py')
    cheat = dict(networks['lnet'], config=str(tmp_path / 'other.py'))
    config = Config.fromfile(networks['lnet']['config'])
    labeller = make_labeller(dict(networks, lnet=cheat))
    with pytest.raises(ValueError, match='learnt from masks of disc, which is weak here'):
        make_labels(config, labeller, str(tmp_path / 'labels'))
    plain = Config.fromfile(networks['lnet']['config'])
    inner = plain.train_dataloader.dataset.dataset
    plain.train_dataloader.dataset = dict(type='RepeatDataset', times=2, dataset=inner)
    plain.dump(tmp_path / 'plain.py')
    cheat['config'] = str(tmp_path / 'plain.py')
    labeller = make_labeller(dict(networks, lnet=cheat))
    with pytest.raises(ValueError, match='learnt from masks of disc, which is weak here'):
        make_labels(config, labeller, str(tmp_path / 'plain'))


def test_one_set_of_weak_images_at_a_time(networks):
    config = Config.fromfile(networks['lnet']['config'])
    one = config.train_dataloader.dataset
    strong, weak = dict(one, images='strong'), dict(one, images='all')
    config.train_dataloader.dataset = dict(type='ConcatDataset', datasets=[strong, weak])
    assert len(LabelSource(config)) == 6
    config.train_dataloader.dataset = dict(type='ConcatDataset', datasets=[weak, weak])
    with pytest.raises(ValueError, match="2 images 'toy_06' in 2 data sets"):
        LabelSource(config)


def test_command_line(networks, tmp_path):
    tool = [sys.executable, str(REPOSITORY / 'tools' / 'make_pseudo_labels.py')]
    command = [
        *tool,
        *networks['cam'].values(),
        '--label-transfer',
        *networks['lnet'].values(),
        *('--out', str(tmp_path), '--no-flip', '--scales', '1'),
        *('--diffusion', 'num_superpixels=40', 'foreground_weight=0'),
    ]
    run = subprocess.run(command, capture_output=True, text=True, check=True)
    assert 'share of labels' in run.stdout
    settings = json.loads((tmp_path / 'manifest.json').read_text())['settings']
    assert settings['diffusion']['foreground_weight'] == 0


def test_unknown_diffusion_option(networks):
    with pytest.raises(ValueError, match="no option 'beta2', only num_superp"):
        make_labeller(networks, diffusion=dict(beta2=3))
    with pytest.raises(ValueError, match='takes one tag classifier, got 2'):
        TransferLabeller(list(networks.values()), foreground=networks['lnet'])
