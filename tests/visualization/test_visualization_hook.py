"""Panels in training and validation, and that drawing changes nothing else."""

import json

import numpy as np
import pytest
import torch
from mmengine.runner import Runner
from PIL import Image
from toy import toy_config, toy_model

from mmseg_weak.engine.hooks import WeakVisualizationHook

CONSISTENCY = dict(
    type='TeacherConsistency', loss=dict(type='PixelConsistencyLoss', loss_weight=1.0)
)
VISUALIZER = dict(
    type='WeakSegLocalVisualizer', vis_backends=[dict(type='LocalVisBackend')]
)


def run(root, folder, hooks, teacher=True, **changes):
    """Train the toy model for four iterations."""
    model = toy_model(consistency=CONSISTENCY) if teacher else toy_model()
    config = toy_config(root, folder, model, **changes)
    if not teacher:
        config.custom_hooks = config.custom_hooks[:1]
    config.custom_hooks.extend(hooks)
    config.visualizer = dict(VISUALIZER, name=str(folder))
    runner = Runner.from_cfg(config)
    runner.train()
    return runner


def pictures(folder):
    return sorted(path.name for path in folder.rglob('vis_image/*.png'))


def test_panels_are_written_and_training_is_the_same(toy_root, tmp_path):
    hook = dict(type='WeakVisualizationHook', interval=2, train_images=2, val_images=3)
    drawn = run(toy_root, tmp_path / 'drawn', [hook])
    plain = run(toy_root, tmp_path / 'plain', [])
    assert pictures(tmp_path / 'plain') == []
    assert pictures(tmp_path / 'drawn') == sorted(
        [f'train_{i}_{step}.png' for i in (0, 1) for step in (2, 4)]
        + [f'val_{i}_4.png' for i in range(3)]
    )
    for key, value in plain.model.state_dict().items():
        assert torch.equal(value, drawn.model.state_dict()[key]), key
    assert drawn.model.training == plain.model.training


def test_validation_panel_shows_teacher_student_and_mask(toy_root, tmp_path):
    shown = {}

    def record(name, image, label_maps, *args, **kwargs):
        shown.setdefault(name, (image, label_maps))

    hook = dict(type='WeakVisualizationHook', interval=1, train_images=1, val_images=1)
    config = toy_config(toy_root, tmp_path, toy_model(consistency=CONSISTENCY))
    config.custom_hooks.append(hook)
    config.visualizer = dict(VISUALIZER, name=str(tmp_path))
    runner = Runner.from_cfg(config)
    runner.visualizer.add_panel = record
    runner.train()
    image, maps = shown['val_0']
    assert list(maps) == ['teacher', 'student', 'mask']
    name = (toy_root / 'val.txt').read_text().split()[0]
    np.testing.assert_array_equal(
        image, np.asarray(Image.open(toy_root / 'images' / f'{name}.png'))
    )
    np.testing.assert_array_equal(
        maps['mask'], np.asarray(Image.open(toy_root / 'masks' / f'{name}.png'))
    )
    # Training is over and the weights are swapped back: predict again with each network.
    batch = next(iter(runner.val_dataloader))
    networks = dict(teacher=runner.model.teacher, student=runner.model)
    for title, model in networks.items():
        predicted = model.eval().test_step(batch)[0].pred_sem_seg.data[0]
        np.testing.assert_array_equal(maps[title], predicted.numpy(), err_msg=title)
    assert list(shown['train_0'][1]) == ['teacher', 'student']


def test_training_panel_has_the_teachers_view_and_the_clicks_of_the_crop(
    toy_root, tmp_path
):
    shown = []
    config = toy_config(toy_root, tmp_path, toy_model(consistency=CONSISTENCY))
    strong = [dict(type='PhotoMetricDistortion')]
    pipeline = config.train_dataloader.dataset.pipeline
    pipeline.insert(-1, dict(type='PhotometricViews', strong=strong))
    config.custom_hooks.append(dict(type='WeakVisualizationHook', interval=1))
    config.visualizer = dict(VISUALIZER, name=str(tmp_path))
    runner = Runner.from_cfg(config)
    runner.visualizer.add_panel = lambda *args, **kwargs: shown.append(args)
    runner.train()
    originals = {
        path.stem: np.asarray(Image.open(path)) for path in (toy_root / 'images').iterdir()
    }
    every = json.loads((toy_root / 'clicks.json').read_text())
    for name, image, maps, clicks, labels in (args for args in shown if len(args) == 5):
        assert name.startswith('train') and len(clicks) == len(labels)
        assert all(labels_.shape == image.shape[:2] for labels_ in maps.values())
        # The clicked pixels are those of an original image: geometry and colours are right.
        found = [
            image_id
            for image_id, original in originals.items()
            if all(
                any(
                    (original[c['y'], c['x']] == image[int(y), int(x)]).all()
                    and c['cls'] == label
                    for c in every[image_id]
                )
                for (x, y), label in zip(clicks, labels)
            )
        ]
        assert found


def test_without_a_teacher_there_is_one_prediction(toy_root, tmp_path):
    hook = dict(type='WeakVisualizationHook', interval=4, train_images=0, val_images=1)
    run(toy_root, tmp_path, [hook], teacher=False)
    assert pictures(tmp_path) == ['val_0_4.png']
    (path,) = tmp_path.rglob('val_0_4.png')
    # image, prediction, mask: each 64 pixels enlarged by 3
    assert Image.open(path).width == 3 * 192 + 2 * 4


@pytest.mark.parametrize(
    'option', [dict(interval=0), dict(train_images=-1), dict(val_images=-1)]
)
def test_options_out_of_range_are_refused_by_name(option):
    with pytest.raises(ValueError, match=next(iter(option))):
        WeakVisualizationHook(**option)


def test_a_visualizer_without_panels_is_refused_at_the_start(toy_root, tmp_path):
    config = toy_config(toy_root, tmp_path, toy_model())
    config.custom_hooks.append(dict(type='WeakVisualizationHook'))
    with pytest.raises(ValueError, match='needs visualizer=.*WeakSegLocalVisualizer'):
        Runner.from_cfg(config).train()
