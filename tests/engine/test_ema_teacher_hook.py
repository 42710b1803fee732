import copy

import pytest
import torch
from mmengine.hooks import Hook
from mmengine.runner import Runner
from mmseg.registry import HOOKS, MODELS
from toy import CLASSES, resumable_config, toy_config, toy_model

CONSISTENCY = dict(type='TeacherConsistency', loss=dict(type='PixelConsistencyLoss'))


def train(config):
    runner = Runner.from_cfg(copy.deepcopy(config))
    runner.train()
    return runner


def checkpoint(folder, iteration):
    return torch.load(
        folder / f'iter_{iteration}.pth', map_location='cpu', weights_only=False
    )


def test_checkpoint_holds_the_teacher_under_plain_keys(toy_root, tmp_path):
    runner = train(toy_config(toy_root, tmp_path, toy_model(consistency=CONSISTENCY)))
    saved = checkpoint(tmp_path, 4)
    stock = MODELS.build(dict(toy_model(), type='EncoderDecoder'))
    stock.load_state_dict(saved['state_dict'], strict=True)
    teacher = runner.model.teacher.state_dict()
    student = runner.model.state_dict()
    assert set(teacher) == set(student) == set(saved['state_dict'])
    for key, value in saved['state_dict'].items():
        torch.testing.assert_close(value, teacher[key], rtol=0, atol=0)
        stored = saved['ema_state_dict'][f'module.{key}']
        torch.testing.assert_close(stored, student[key], rtol=0, atol=0)


def test_teacher_is_the_average_of_the_students(toy_root, tmp_path):
    config = toy_config(toy_root, tmp_path, toy_model(), max_iters=6)
    train(config)
    average = None
    for step in range(6):
        saved = checkpoint(tmp_path, step + 1)
        student = saved['ema_state_dict']
        decay = min(1 - 1 / (step + 1), 0.9)
        if average is None:
            average = {k: student[f'module.{k}'].double() for k in saved['state_dict']}
        for key, mean in average.items():
            value = student[f'module.{key}'].double()
            running = 'running' in key or 'tracked' in key
            average[key] = value if running else decay * mean + (1 - decay) * value
            torch.testing.assert_close(
                saved['state_dict'][key].double(), average[key], rtol=1e-4, atol=1e-5
            )


def test_validation_uses_the_teacher(toy_root, tmp_path):
    config = toy_config(toy_root, tmp_path, toy_model())
    runner = Runner.from_cfg(config)
    seen = []

    class WeightSpy(Hook):
        priority = 'VERY_LOW'

        def before_val_epoch(self, runner):
            seen.append({k: v.clone() for k, v in runner.model.state_dict().items()})

    runner.register_hook(WeightSpy())
    runner.train()
    saved = checkpoint(tmp_path, 4)['state_dict']
    for key, value in seen[0].items():
        torch.testing.assert_close(value, saved[key], rtol=0, atol=0)


def test_resume_equals_an_uninterrupted_run(toy_root, tmp_path):
    whole = train(
        resumable_config(toy_root, tmp_path / 'whole', 6, consistency=CONSISTENCY)
    )
    part = resumable_config(toy_root, tmp_path / 'part', 6, consistency=CONSISTENCY)
    part.resume = True
    part.load_from = str(tmp_path / 'whole' / 'iter_3.pth')
    resumed = train(part)
    assert resumed.iter == whole.iter == 6
    assert resumed.optim_wrapper.get_lr() == whole.optim_wrapper.get_lr()
    a, b = (checkpoint(tmp_path / name, 6) for name in ('whole', 'part'))
    for group in ('state_dict', 'ema_state_dict'):
        for key, value in a[group].items():
            torch.testing.assert_close(value, b[group][key], rtol=0, atol=0, msg=key)


def test_first_teacher_equals_the_initialised_student(toy_root, tmp_path):
    runner = Runner.from_cfg(toy_config(toy_root, tmp_path, toy_model(), max_iters=1))
    seen = {}

    class FirstSpy(Hook):
        def before_train_iter(self, runner, batch_idx, data_batch=None):
            seen['teacher'] = copy.deepcopy(runner.model.teacher.state_dict())
            seen['student'] = copy.deepcopy(runner.model.state_dict())

    runner.register_hook(FirstSpy())
    runner.train()
    for key, value in seen['student'].items():
        torch.testing.assert_close(value, seen['teacher'][key], rtol=0, atol=0)


@pytest.mark.parametrize(
    'options', [dict(momentum=0.999), dict(momentum=0), dict(warm_up_steps=0)]
)
def test_options_out_of_range(options):
    with pytest.raises(ValueError, match='EMATeacherHook'):
        HOOKS.build(dict(type='EMATeacherHook', **options))


def test_number_of_classes_that_does_not_fit(toy_root, tmp_path):
    model = toy_model()
    model['decode_head']['num_classes'] = 5
    config = toy_config(toy_root, tmp_path, model)
    with pytest.raises(
        ValueError, match=r'num_classes=5.*3 classes: background, square, disc'
    ):
        train(config)


def test_class_lists_that_do_not_fit(toy_root, tmp_path):
    config = toy_config(toy_root, tmp_path, toy_model())
    config.val_dataloader.dataset.metainfo = dict(classes=CLASSES[::-1])
    with pytest.raises(ValueError, match='training classes .* and validation classes'):
        train(config)
