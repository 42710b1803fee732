"""Trainings on a GPU, against the same networks on a CPU."""

import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.hooks import Hook
from mmengine.runner import Runner, load_checkpoint
from mmseg.registry import MODELS
from PIL import Image
from toy import toy_config, toy_model
from toy_mutual import toy_mutual
from toy_tags import toy_tag_config, write_tag_set
from toy_transfer import transfer_config, write_strong_weak

from mmseg_weak.labelling import CAMLabeller, SegmentorLabeller, make_labels

pytestmark = pytest.mark.gpu
METHODS = ('clicks', 'seminar', 'sub-categories', 'mutual promotion', 'transfer')
TEACHER = dict(type='TeacherConsistency', loss=dict(type='PixelConsistencyLoss', mode='kl'))
TERMS = ('PottsLoss', 'CollisionCrossEntropyLoss', 'GatedCRFLoss', 'DenseCRFLoss')


class FirstIteration(Hook):
    """Remember where a training began."""

    def before_train(self, runner):
        runner.first_iteration = runner.iter


def config_of(method, toy_root, folder):
    """Four iterations, saved after two and four."""
    data, work = folder / 'data', folder / 'work'
    data.mkdir(exist_ok=True)
    if method == 'sub-categories':
        write_tag_set(toy_root, data)
        config = toy_tag_config(toy_root, data, work, 4, rounds=(2,))
    elif method == 'mutual promotion':
        config = toy_config(toy_root, work, toy_mutual(num_classes=3), 4)
        config.custom_hooks = [dict(type='ClassCheckHook'), dict(type='IterationSeedHook')]
        config.optim_wrapper.optimizer = dict(type='AdamW', lr=1e-3)
    elif method == 'transfer':
        config = transfer_config(write_strong_weak(toy_root, data / 'set'), work)
    else:
        model = toy_model(consistency=TEACHER) if method == 'seminar' else toy_model()
        if method == 'clicks':
            model['regularisation'] = [dict(type=name) for name in TERMS]
        config = toy_config(toy_root, work, model)
    config.default_hooks = dict(
        checkpoint=dict(type='CheckpointHook', by_epoch=False, interval=2)
    )
    config.custom_imports = dict(imports=['mmseg_weak'], allow_failed_imports=False)
    return config


def trained(config, **changes):
    """Runner of a finished training, its weights on a GPU."""
    config = config.copy()
    config.update(changes)
    runner = Runner.from_cfg(config)
    runner.train()
    assert next(runner.model.parameters()).is_cuda
    return runner


@pytest.mark.parametrize('method', METHODS)
def test_a_method_trains_resumes_and_moves_to_a_cpu(method, toy_root, tmp_path):
    config = config_of(method, toy_root, tmp_path)
    runner = trained(config)
    (tmp_path / 'work' / 'iter_4.pth').unlink()
    (tmp_path / 'work' / 'last_checkpoint').write_text(str(tmp_path / 'work/iter_2.pth'))
    hooks = [*config.custom_hooks, dict(type=FirstIteration)]
    resumed = trained(config, resume=True, custom_hooks=hooks)
    assert resumed.first_iteration == 2 and resumed.message_hub.get_info('iter') == 3
    checkpoint = str(tmp_path / 'work' / 'iter_4.pth')
    image, metas = torch.randn(1, 3, 64, 64), [dict(img_shape=(64, 64), ori_shape=(64, 64))]
    maps = []
    for device in ('cuda', 'cpu'):
        model = MODELS.build(config.model).to(device).eval()
        load_checkpoint(model, checkpoint, 'cpu')
        with torch.no_grad():
            maps.append(model.encode_decode(image.to(device), metas).cpu())
    torch.testing.assert_close(*maps, atol=1e-3, rtol=1e-3)
    assert runner.model.state_dict().keys() == resumed.model.state_dict().keys()


@pytest.mark.parametrize('kind', ['segmentor', 'cam'])
def test_labels_are_those_of_a_cpu(kind, toy_root, tmp_path):
    method = 'clicks' if kind == 'segmentor' else 'sub-categories'
    config = config_of(method, toy_root, tmp_path)
    trained(config)
    config.dump(tmp_path / 'config.py')
    network = (str(tmp_path / 'config.py'), str(tmp_path / 'work' / 'iter_4.pth'))
    found = []
    for device in ('cuda', 'cpu'):
        if kind == 'segmentor':
            labeller = SegmentorLabeller([network], threshold=0.0)
        else:
            labeller = CAMLabeller([network], background_score=0.5)
        folder = tmp_path / device
        make_labels(Config.fromfile(network[0]), labeller, str(folder), device=device)
        files = sorted(folder.glob('*.png'))
        found.append([np.array(Image.open(path)) for path in files])
    assert len(found[0]) == len(found[1]) > 0
    same = np.concatenate([(a == b).ravel() for a, b in zip(*found)])
    assert same.mean() > 0.995  # probabilities that are nearly equal
