"""Labels made offline equal labels made by hand, however often the tool is broken off."""

import json
import subprocess
import sys
import time

import mmcv
import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmengine.runner import Runner
from mmseg.registry import MODELS
from PIL import Image
from toy import CLASSES, REPOSITORY, toy_config, toy_model

from mmseg_weak.apis import check_paths
from mmseg_weak.evaluation.pseudo_label_quality import PseudoLabelQuality, format_summary
from mmseg_weak.labelling import SegmentorLabeller, make_labels
from mmseg_weak.labelling import folder as label_folder
from mmseg_weak.models.inference.peers import load_network

THRESHOLD = 0.45
JOB = ('workers', 'device', 'masks', 'overwrite')


@pytest.fixture(scope='module')
def peers(toy_root, tmp_path_factory):
    """Two untrained networks with config and checkpoint."""
    init_default_scope('mmseg')
    folder = tmp_path_factory.mktemp('peers')
    paths = []
    for i, channels in enumerate((8, 6)):
        model = toy_model()
        model['decode_head']['channels'] = channels
        config = toy_config(toy_root, folder / 'work', model)
        config.custom_imports = dict(imports=['mmseg_weak'], allow_failed_imports=False)
        torch.manual_seed(i)
        network = MODELS.build(config.model)
        network.decode_head.conv_seg.weight.data.mul_(100)
        peer = dict(config=f'{folder}/{i}.py', checkpoint=f'{folder}/{i}.pth')
        config.dump(peer['config'])
        meta = dict(dataset_meta=dict(classes=CLASSES))
        torch.save(dict(state_dict=network.state_dict(), meta=meta), peer['checkpoint'])
        paths.append(peer)
    return paths


def make(peers, out, **options):
    options = dict(dict(threshold=THRESHOLD, scales=(1.0,), flip=False), **options)
    config = Config.fromfile(peers[0]['config'])
    job = {key: options.pop(key) for key in JOB if key in options}
    return make_labels(config, SegmentorLabeller(peers, **options), str(out), **job)


def read(folder):
    return {path.name: np.array(Image.open(path)) for path in folder.glob('*.png')}


def test_labels_equal_those_made_by_hand(peers, toy_root, tmp_path):
    report = make(peers, tmp_path, masks=str(toy_root / 'masks'), flip=True)
    labels = read(tmp_path)
    assert sorted(labels) == [f'toy_{i:02d}.png' for i in range(12)]
    networks = [load_network(**peer)[0] for peer in peers]
    clicks = json.loads((toy_root / 'clicks.json').read_text())
    wrong, mask_pixels = 0, []
    for name, label in labels.items():
        image = np.array(Image.open(toy_root / 'images' / name))
        inputs = torch.from_numpy(image).permute(2, 0, 1)[None].float()
        inputs = (inputs - 127.5) / 60
        probs = []
        for network in networks:
            for view in (lambda x: x, lambda x: x.flip(3)):
                logits = network.encode_decode(view(inputs), [dict(img_shape=(64, 64))])
                probs.append(view(logits).softmax(1))
        mean = torch.stack(probs).mean(0)[0]
        present = {0} | {click['cls'] for click in clicks[name[:-4]]}
        mean[[c for c in range(3) if c not in present]] = 0
        confidence, expected = (mean / mean.sum(0)).max(0)
        expected[confidence < THRESHOLD] = 255
        expected = expected.numpy()
        # As the pipeline says: discs of radius 1.
        for click in clicks[name[:-4]]:
            for dy, dx in ((0, 0), (0, 1), (1, 0), (0, -1), (-1, 0)):
                y, x = click['y'] + dy, click['x'] + dx
                if 0 <= y < 64 and 0 <= x < 64:
                    expected[y, x] = click['cls']
            assert label[click['y'], click['x']] == click['cls']
        wrong += (label != expected).sum()
        mask = np.array(Image.open(toy_root / 'masks' / name))
        mask_pixels.append((label != 255) & (label == mask))
    assert wrong <= 3, 'rounding at the threshold, touching discs'
    labelled = sum((label != 255).sum() for label in labels.values())
    assert report['coverage'] == pytest.approx(100 * labelled / (12 * 64 * 64))
    assert report['accuracy'] == pytest.approx(100 * np.sum(mask_pixels) / labelled)
    assert json.loads((tmp_path / 'report.json').read_text()) == report
    palette = np.array(Image.open(tmp_path / 'toy_00.png').getpalette())
    assert len(set(map(tuple, palette.reshape(-1, 3)[[0, 1, 2, 255]]))) == 4


def test_a_class_that_is_denied_at_a_place_is_no_label_there(peers, toy_root, tmp_path):
    make(peers, tmp_path / 'before', threshold=0)
    before = read(tmp_path / 'before')['toy_00.png']
    clicks = json.loads((toy_root / 'clicks.json').read_text())
    places = [(2, 60), (60, 2), (33, 33)]
    for x, y in places:
        entry = dict(x=x, y=y, cls=int(before[y, x]), no=True)
        clicks['toy_00'].append(entry)
    (tmp_path / 'clicks.json').write_text(json.dumps(clicks))
    config = Config.fromfile(peers[0]['config'])
    config.train_dataloader.dataset.click_file = str(tmp_path / 'clicks.json')
    labeller = SegmentorLabeller(peers, threshold=0, scales=(1.0,), flip=False)
    make_labels(config, labeller, str(tmp_path / 'after'))
    changed = before != read(tmp_path / 'after')['toy_00.png']
    assert sorted(zip(*changed.nonzero())) == sorted((y, x) for x, y in places)


def test_labels_at_another_size_are_those_of_smaller_images(peers, toy_root, tmp_path):
    """Images and clicks of half the size, made by hand, and their labels doubled."""
    clicks = json.loads((toy_root / 'clicks.json').read_text())
    for row in (row for rows in clicks.values() for row in rows):
        row.update(x=row['x'] / 2, y=row['y'] / 2)
    small = tmp_path / 'small'
    (small / 'images').mkdir(parents=True)
    (small / 'clicks.json').write_text(json.dumps(clicks))
    for name in sorted(clicks):
        image = mmcv.imread(toy_root / f'images/{name}.png')
        mmcv.imwrite(mmcv.imresize(image, (32, 32)), str(small / f'images/{name}.png'))
    config = Config.fromfile(peers[0]['config'])
    config.train_dataloader.dataset.update(data_root=str(small), ann_file='')
    options = dict(threshold=THRESHOLD, scales=(1.0,), flip=False)
    make_labels(config, SegmentorLabeller(peers, **options), str(tmp_path / 'of_small'))
    make(peers, tmp_path / 'halved', long_side=32)
    small_labels, halved = read(tmp_path / 'of_small'), read(tmp_path / 'halved')
    assert len(halved) == 12
    for name, label in halved.items():
        doubled = small_labels[name].repeat(2, axis=0).repeat(2, axis=1)
        np.testing.assert_array_equal(label, doubled)
    settings = [
        json.loads((tmp_path / f'{name}/manifest.json').read_text())['settings']
        for name in ('of_small', 'halved')
    ]
    assert [one.get('long_side', 'none') for one in settings] == ['none', 32]


def test_an_interrupted_run_goes_on(peers, tmp_path, monkeypatch):
    make(peers, tmp_path / 'whole')
    write, written = label_folder.write_mask, []

    def interrupt(path, *args):
        if len(written) == 5:
            path.write_bytes(b'half a file')
            raise KeyboardInterrupt
        written.append(path.name)
        write(path, *args)

    monkeypatch.setattr(label_folder, 'write_mask', interrupt)
    with pytest.raises(KeyboardInterrupt):
        make(peers, tmp_path / 'broken')
    assert sorted(read(tmp_path / 'broken')) == sorted(written)
    monkeypatch.setattr(
        label_folder, 'write_mask', lambda p, *a: written.append(p.name) or write(p, *a)
    )
    make(peers, tmp_path / 'broken')
    assert len(written) == len(set(written)) == 12, 'no image is labelled twice'
    for name, label in read(tmp_path / 'whole').items():
        np.testing.assert_array_equal(read(tmp_path / 'broken')[name], label)
    make(peers, tmp_path / 'broken')
    assert len(written) == 12


def test_full_disk_is_named(peers, tmp_path, monkeypatch):
    def full(*_):
        raise OSError(28, 'No space left on device')

    monkeypatch.setattr(label_folder, 'write_mask', full)
    with pytest.raises(ValueError, match=r'toy_00.png cannot be written .*No space left'):
        make(peers, tmp_path)
    assert not list(tmp_path.rglob('*.png'))


def test_changed_settings_are_an_error_or_a_new_start(peers, toy_root, tmp_path):
    make(peers[:1], tmp_path)
    before = read(tmp_path)
    with pytest.raises(ValueError, match=r'other settings \(threshold\)'):
        make(peers[:1], tmp_path, threshold=0.9)
    with pytest.raises(ValueError, match=r'other settings \(peers\)'):
        make(peers, tmp_path)
    make(peers[:1], tmp_path, threshold=0.9, overwrite=True)
    after = read(tmp_path)
    assert any((after[name] != label).any() for name, label in before.items())
    with pytest.raises(ValueError, match='choose another --out'):
        make(peers, toy_root / 'masks')
    (tmp_path / 'manifest.json').write_text('{"classes": ')
    with pytest.raises(ValueError, match=r'made with other settings \(classes, '):
        make(peers[:1], tmp_path)


def kill_when(command, folder, count):
    """Start the tool and kill it once so many labels are there."""
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.STDOUT)
    while len(list(folder.glob('*.png'))) < count and process.poll() is None:
        time.sleep(0.005)
    process.kill()
    process.wait()


def test_tool_with_two_workers_after_a_kill(peers, toy_root, tmp_path):
    make(peers, tmp_path / 'whole')
    names = [name for peer in peers for name in (peer['config'], peer['checkpoint'])]
    tool = str(REPOSITORY / 'tools/make_pseudo_labels.py')
    command = [sys.executable, '-W', 'ignore', tool, *names, '--scales', '1']
    command += ['--no-flip', '--threshold', '0.45', '--out', str(tmp_path / 'killed')]
    kill_when(command, tmp_path / 'killed', 1)
    assert read(tmp_path / 'killed'), 'the tool ended before its first label'
    command += ['--workers', '2', '--masks', str(toy_root / 'masks')]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    assert '12 images' in done.stdout and '| disc |' in done.stdout
    killed = read(tmp_path / 'killed')
    for name, label in read(tmp_path / 'whole').items():
        # One thread or several sum in another order.
        assert (killed[name] != label).mean() < 1e-3


@pytest.mark.parametrize(
    ('options', 'message'),
    [
        (dict(scales=()), 'scales'),
        (dict(scales=(0,)), 'scales'),
        (dict(workers=0), 'workers'),
        (dict(refinement=dict(type='x')), 'unknown refinement'),
        (dict(masks='absent'), 'absent does not exist'),
    ],
)
def test_bad_options_are_named(peers, tmp_path, options, message):
    with pytest.raises((ValueError, FileNotFoundError), match=message):
        make(peers, tmp_path / 'out', **options)
    assert not (tmp_path / 'out').exists()


def test_bad_peers_and_data_are_named(peers, toy_root, tmp_path):
    with pytest.raises(ValueError, match='at least one peer'):
        SegmentorLabeller([])
    with pytest.raises(FileNotFoundError, match='absent.pth does not exist'):
        make([dict(peers[0], checkpoint='absent.pth')], tmp_path)
    with pytest.raises(ValueError, match='not a checkpoint of'):
        make([dict(peers[0], checkpoint=peers[1]['checkpoint'])], tmp_path / 'a')
    (tmp_path / 'masks').mkdir()
    with pytest.raises(FileNotFoundError, match=r'mask not found: .*toy_00.png'):
        make(peers[:1], tmp_path / 'b', masks=str(tmp_path / 'masks'))


def test_networks_of_other_classes_are_refused(peers, tmp_path):
    checkpoint = torch.load(peers[0]['checkpoint'])
    checkpoint['meta']['dataset_meta']['classes'] = CLASSES[::-1]
    torch.save(checkpoint, tmp_path / 'other.pth')
    with pytest.raises(ValueError, match='trained on the classes disc, square'):
        make([dict(peers[0], checkpoint=str(tmp_path / 'other.pth'))], tmp_path / 'a')


def test_a_network_with_one_output_labels_two_classes(toy_root, tmp_path):
    model = dict(toy_model(), type='EncoderDecoder')
    loss = dict(type='ForegroundBCELoss')
    model['decode_head'].update(num_classes=2, out_channels=1, loss_decode=loss)
    config = toy_config(toy_root, tmp_path, model)
    images = dict(config.val_dataloader.dataset, metainfo=dict(classes=CLASSES[:2]))
    config.train_dataloader.dataset = images
    torch.manual_seed(0)
    network = MODELS.build(config.model).eval()
    config.dump(tmp_path / 'net.py')
    torch.save(dict(state_dict=network.state_dict()), tmp_path / 'net.pth')
    peer = (str(tmp_path / 'net.py'), str(tmp_path / 'net.pth'))
    labeller = SegmentorLabeller([peer], threshold=0, scales=(1.0,), flip=False)
    make_labels(Config.fromfile(peer[0]), labeller, str(tmp_path / 'out'))
    for name, label in read(tmp_path / 'out').items():
        image = torch.from_numpy(np.array(Image.open(toy_root / 'images' / name)))
        inputs = (image.permute(2, 0, 1)[None].float() - 127.5) / 60
        with torch.no_grad():
            logits = network.encode_decode(inputs, [dict(img_shape=(64, 64))])[0, 0]
        assert (label != (logits > 0).numpy()).mean() < 1e-3
    assert len(read(tmp_path / 'out')) == 4


def test_training_from_labels_on_disk(peers, toy_root, tmp_path):
    make(peers, tmp_path / 'labels')
    head = dict(type='HeterogeneousPseudoLabelHead')
    config = toy_config(toy_root, tmp_path / 'work', toy_model(pseudo_label=head), 2)
    step = dict(type='LoadPseudoLabels', pseudo_label_dir=str(tmp_path / 'labels'))
    config.train_dataloader.dataset.pipeline.insert(1, step)
    runner = Runner.from_cfg(config)
    runner.train()
    assert runner.message_hub.get_scalar('train/loss_hpl').current() > 0
    assert 0 < runner.message_hub.get_scalar('train/hpl_coverage').current() <= 100


def test_training_with_online_peers_and_teacher(peers, toy_root, tmp_path):
    head = dict(type='HeterogeneousPseudoLabelHead', peers=peers, threshold=0.4)
    consistency = dict(type='TeacherConsistency', loss=dict(type='PixelConsistencyLoss'))
    model = toy_model(pseudo_label=head, consistency=consistency)
    config = toy_config(toy_root, tmp_path / 'work', model, 2)
    runner = Runner.from_cfg(config)
    runner.train()
    for name in ('loss_hpl', 'loss_consistency', 'decode.loss_pce'):
        assert np.isfinite(runner.message_hub.get_scalar(f'train/{name}').current())
    checkpoint = torch.load(tmp_path / 'work/iter_2.pth', weights_only=False)
    plain = MODELS.build(dict(toy_model(), type='EncoderDecoder'))
    plain.load_state_dict(checkpoint['state_dict'], strict=True)


def test_absent_peers_are_named_before_training(peers, toy_root, tmp_path):
    peer = dict(peers[0], checkpoint='absent.pth')
    head = dict(type='HeterogeneousPseudoLabelHead', peers=[peers[1], peer])
    config = toy_config(toy_root, tmp_path, toy_model(pseudo_label=head))
    with pytest.raises(FileNotFoundError, match=r'absent.pth .*peers\[1\].checkpoint'):
        check_paths(config, ('train',))
    check_paths(config, ('val',))


def test_quality_equals_a_loop_over_pixels():
    rng = np.random.default_rng(0)
    quality = PseudoLabelQuality(('a', 'b', 'c', 'd'))
    right, union, hits, scored, total = [0] * 4, [0] * 4, 0, 0, 0
    for _ in range(3):
        labels, mask = (rng.choice([0, 1, 2, 255], (5, 6)).astype(np.uint8) for _ in 'ab')
        quality.add(labels, mask)
        for label, truth in zip(labels.ravel(), mask.ravel()):
            total += label != 255
            if label == 255 or truth == 255:
                continue
            scored += 1
            hits += label == truth
            for c in range(4):
                right[c] += label == truth == c
                union[c] += c in (label, truth)
    summary = quality.summary()
    assert summary['coverage'] == pytest.approx(100 * total / 90)
    assert summary['accuracy'] == pytest.approx(100 * hits / scored)
    iou = [100 * right[c] / union[c] for c in range(3)]
    assert list(summary['IoU'].values()) == [*map(pytest.approx, iou), None]
    assert summary['mIoU'] == pytest.approx(np.mean(iou))
    assert '| d | 0.00 | – |' in format_summary(summary)
    with pytest.raises(ValueError, match='mask holds 9'):
        quality.add(np.zeros((2, 2), np.uint8), np.full((2, 2), 9, np.uint8))
    with pytest.raises(ValueError, match='pseudo-label holds 4'):
        quality.add(np.full((2, 2), 4, np.uint8))
    with pytest.raises(ValueError, match='the mask is'):
        quality.add(np.zeros((2, 2), np.uint8), np.zeros((2, 3), np.uint8))
