"""tools/visualize.py: what it writes equals what the networks predict."""

import copy
import re
from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.runner import Runner
from PIL import Image
from toy import toy_config, toy_model
from toy_transfer import strong_weak_dataset, write_strong_weak

from mmseg_weak.apis.shown_images import build_datasets, list_images
from mmseg_weak.apis.visualize import (
    VisualizeOptions,
    build_network,
    choose_images,
    label_maps,
    load_networks,
    visualize,
)
from mmseg_weak.cli import run_verb
from mmseg_weak.visualization.panels import visible_palette

CONSISTENCY = dict(
    type='TeacherConsistency', loss=dict(type='PixelConsistencyLoss', loss_weight=1.0)
)


@pytest.fixture(scope='module')
def trained(toy_root, tmp_path_factory):
    """Config file, checkpoint and the runner that wrote it."""
    folder = tmp_path_factory.mktemp('trained')
    config = toy_config(toy_root, folder, toy_model(consistency=CONSISTENCY))
    runner = Runner.from_cfg(config)
    runner.train()
    path = folder / 'toy.py'
    config.custom_imports = dict(imports=['mmseg_weak'], allow_failed_imports=False)
    config.dump(path)
    return Config.fromfile(path), str(folder / 'iter_4.pth'), runner


def test_checkpoint_holds_teacher_and_student(trained):
    config, checkpoint, runner = trained
    states = load_networks(checkpoint)
    assert list(states) == ['teacher', 'student']
    for name, network in dict(teacher=runner.model.teacher, student=runner.model).items():
        expected = network.state_dict()
        assert states[name].keys() == expected.keys()
        assert all(torch.equal(states[name][key], expected[key]) for key in expected)
        assert not build_network(config, states[name], 'cpu').training


def test_plain_weights_and_a_second_checkpoint(trained, tmp_path):
    _, checkpoint, runner = trained
    plain = tmp_path / 'plain.pth'
    torch.save(dict(state_dict=runner.model.state_dict()), plain)
    assert list(load_networks(str(plain))) == ['prediction']
    states = load_networks(checkpoint, teacher=str(plain))
    for state in states.values():  # both are the student of the run
        for key, value in runner.model.state_dict().items():
            assert torch.equal(state[key], value)


def test_panels_and_report_of_validation(trained, tmp_path):
    config, checkpoint, _ = trained
    out = tmp_path / 'out'
    report = visualize(config, checkpoint, VisualizeOptions(str(out), num_images=3))
    assert report == out / 'report.html'
    assert sorted(path.name for path in out.iterdir()) == ['panels', 'report.html']
    panels = sorted((out / 'panels').iterdir())
    assert len(panels) == 3
    # image, teacher, student, mask: 64 pixels enlarged by 3
    assert all(Image.open(path).width == 4 * 192 + 3 * 4 for path in panels)
    page = report.read_text()
    assert page.count('src="data:image/png;base64,') == 3
    assert not re.search(r'(src|href)="(?!data:|#)', page)
    for text in ('toy.py', 'iter_4.pth', 'teacher, student', '3 of 4 (val)', 'student IoU'):
        assert text in page
    for path in panels:
        assert f'>{path.stem}</h2>' in page


def test_scores_are_those_of_the_checkpoint_in_mmsegs_own_test(trained, toy_root, tmp_path):
    """Pixel agreement and the panel come from the weights they are said to come from."""
    config, checkpoint, runner = trained
    options = VisualizeOptions(str(tmp_path), images=('toy_12',))
    page = visualize(config, checkpoint, options).read_text()
    batch = next(iter(runner.val_dataloader))
    predicted = [
        model.eval().test_step(batch)[0].pred_sem_seg.data[0].numpy()
        for model in (runner.model.teacher, runner.model)
    ]
    agreement = 100 * (predicted[0] == predicted[1]).mean()
    assert f'teacher = student {agreement:.1f}' in page


def test_training_images_show_clicks_and_never_a_mask(trained, toy_root, tmp_path):
    config, checkpoint, _ = trained
    config = copy.deepcopy(config)
    # A mask folder beside the clicks must not be looked at.
    config.train_dataloader.dataset.data_prefix = dict(
        img_path='images', seg_map_path='no_such_folder'
    )
    options = VisualizeOptions(str(tmp_path), split='train', images=('toy_03',))
    page = visualize(config, checkpoint, options).read_text()
    assert 'teacher at clicks' in page and 'IoU ' not in page.split('<p>')[-1]
    panel = np.asarray(Image.open(tmp_path / 'panels' / 'toy_03.png'))
    assert panel.shape[1] == 3 * 192 + 2 * 4
    (dataset,) = build_datasets(config, 'train')
    info = dataset.get_data_info(3)
    palette = visible_palette(dataset.metainfo['palette'])
    for (x, y), label in zip(info['clicks'], info['click_labels']):
        # The pixel at the click, in a picture enlarged by 3 below a title of 20 pixels.
        drawn = panel[20 + int(y) * 3 + 1, int(x) * 3 + 1]
        assert any((drawn == colour).all() for colour in palette), label


def test_the_draw_of_images_is_seeded(trained):
    config, _, _ = trained
    (dataset,) = build_datasets(config, 'train')
    draws = [
        choose_images([dataset], VisualizeOptions('x', num_images=5, seed=seed))
        for seed in (0, 0, 1)
    ]
    assert draws[0] == draws[1] != draws[2]
    indices = [image.index for image in draws[0]]
    assert len(set(indices)) == 5 and indices == sorted(indices)
    assert len(choose_images([dataset], VisualizeOptions('x', num_images=99))) == 12


def test_mistakes_get_one_clear_error(trained, tmp_path):
    config, checkpoint, _ = trained
    options = VisualizeOptions(str(tmp_path))
    with pytest.raises(FileNotFoundError, match=r'nowhere\.pth does not exist'):
        visualize(config, str(tmp_path / 'nowhere.pth'), options)
    broken = tmp_path / 'broken.pth'
    broken.write_bytes(Path(checkpoint).read_bytes()[:5000])
    with pytest.raises(ValueError, match=r'broken\.pth is no complete checkpoint'):
        visualize(config, str(broken), options)
    other = copy.deepcopy(config)
    other.model.decode_head.channels = 12
    with pytest.raises(ValueError, match=r'does not fit the model of .*toy\.py'):
        visualize(other, checkpoint, options)
    unknown = VisualizeOptions(str(tmp_path), images=('toy_99',))
    with pytest.raises(ValueError, match="no image 'toy_99' in the val split"):
        visualize(config, checkpoint, unknown)
    with pytest.raises(ValueError, match='split must be one of'):
        VisualizeOptions('x', split='dev')
    with pytest.raises(ValueError, match='num_images'):
        VisualizeOptions('x', num_images=0)
    other.pop('train_dataloader')
    with pytest.raises(ValueError, match='has no train_dataloader'):
        build_datasets(other, 'train')


def test_verb(trained, tmp_path, capsys):
    config, checkpoint, _ = trained
    out = tmp_path / 'out'
    arguments = [config.filename, checkpoint, '--out', out, '--num-images', 1]
    run_verb('show', [str(word) for word in arguments])
    assert capsys.readouterr().out.splitlines()[-1] == str(out / 'report.html')


def test_clicks_are_shown_before_a_training(trained, tmp_path, capsys):
    config, checkpoint, _ = trained
    words = ['--images', 'toy_03', '--split', 'train', '--out']
    run_verb('show', [config.filename, checkpoint, *words, str(tmp_path / 'trained')])
    run_verb('show', [config.filename, *words[:2], '--out', str(tmp_path / 'labels')])
    panels = [
        np.asarray(Image.open(tmp_path / name / 'panels' / 'toy_03.png'))
        for name in ('labels', 'trained')
    ]
    assert panels[0].shape[1] == 192
    assert np.array_equal(panels[0], panels[1][:, :192]), 'the picture with clicks'
    assert 'none, labels only' in (tmp_path / 'labels' / 'report.html').read_text()


def test_pseudo_labels_of_joined_sets_are_shown(trained, toy_root, tmp_path):
    """Their pixels are those of the files; wrappers are looked into."""
    config = copy.deepcopy(trained[0])
    root = write_strong_weak(toy_root, tmp_path / 'set')
    (root / 'labels' / 'report.json').write_text('{}')
    clicks = config.train_dataloader.dataset
    clicks.ann_file = str(tmp_path / 'one.txt')
    (tmp_path / 'one.txt').write_text('toy_07')
    load = dict(type='LoadPseudoLabels', pseudo_label_dir=str(root / 'labels'))
    clicks.pipeline.insert(1, load)
    strong = strong_weak_dataset(root)
    config.train_dataloader.dataset = dict(type='ConcatDataset', datasets=[clicks, strong])
    images = list(list_images(build_datasets(config, 'train')))
    assert [image.name for image in images] == [
        'toy_07',
        *(f'toy_{i:02d}' for i in range(12)),
    ]
    label = np.array(Image.open(root / 'labels' / 'toy_07.png'))
    shown = label_maps(images[0].labels())
    assert list(shown) == ['pseudo-label'] and np.array_equal(shown['pseudo-label'], label)
    assert np.array_equal(label_maps(images[8].labels())['mask'], label)
    options = VisualizeOptions(str(tmp_path / 'out'), split='train', num_images=13)
    page = visualize(config, None, options).read_text()
    assert '13 of 13 (train)' in page and 'mask labelled' in page


def test_checkpoint_of_another_class_order_is_refused(trained, tmp_path):
    config = copy.deepcopy(trained[0])
    config.val_dataloader.dataset.metainfo.classes = ('background', 'disc', 'square')
    with pytest.raises(ValueError, match='names and order must be the same'):
        visualize(config, trained[1], VisualizeOptions(str(tmp_path)))
