"""What a checkpoint file must be, and must agree with."""

import os
from functools import partial

import pytest
import torch
from mmengine.config import Config
from mmseg.registry import MODELS
from toy import toy_model
from toy_tags import toy_cam_model

from mmseg_weak.checkpoints import (
    _plain_names,
    checkpoint_file,
    config_model,
    find_checkpoint,
    read_checkpoint,
    require_checkpoint,
    require_same_data,
    require_weights,
)
from mmseg_weak.labelling.networks import Network


def test_find_checkpoint_passes_over_a_truncated_file(tmp_path):
    assert find_checkpoint(tmp_path) is None
    for i in (2, 10):
        torch.save(dict(weights=torch.zeros(1000)), tmp_path / f'iter_{i}.pth')
    assert find_checkpoint(tmp_path).endswith('iter_10.pth')
    whole = (tmp_path / 'iter_10.pth').read_bytes()
    (tmp_path / 'iter_10.pth').write_bytes(whole[: len(whole) // 2])
    assert find_checkpoint(tmp_path).endswith('iter_2.pth')


def test_find_checkpoint_passes_over_those_of_an_earlier_longer_run(tmp_path):
    for seconds, i in enumerate((600, 300, 400)):
        path = tmp_path / f'iter_{i}.pth'
        torch.save(dict(weights=torch.zeros(10)), path)
        os.utime(path, (seconds, seconds))
    assert find_checkpoint(tmp_path).endswith('iter_600.pth')
    (tmp_path / 'last_checkpoint').write_text('/elsewhere/iter_400.pth')
    assert find_checkpoint(tmp_path).endswith('iter_400.pth')
    # Killed between the checkpoint and its name.
    (tmp_path / 'last_checkpoint').write_text('/elsewhere/iter_300.pth')
    assert find_checkpoint(tmp_path).endswith('iter_400.pth')


@pytest.mark.parametrize('legacy', [False, True])
def test_files_that_are_no_checkpoint_are_refused(legacy, tmp_path):
    path = tmp_path / 'a.pth'
    torch.save(dict(a=torch.zeros(9)), path, _use_new_zipfile_serialization=not legacy)
    require_checkpoint(str(path))
    if not legacy:
        path.write_bytes(path.read_bytes()[:-30])
        with pytest.raises(ValueError, match=r'a\.pth is no complete checkpoint'):
            require_checkpoint(str(path))
    path.write_text('not found')
    with pytest.raises(ValueError, match=r'a\.pth is no checkpoint'):
        require_checkpoint(str(path))


@pytest.mark.parametrize('weights', [{('a', 'b'): torch.zeros(1)}, [torch.zeros(1)]])
def test_weights_without_names_are_refused(weights, tmp_path):
    path = tmp_path / 'a.pth'
    torch.save(dict(state_dict=weights), path)
    with pytest.raises(ValueError, match=r'a\.pth is no checkpoint: its weights have no'):
        read_checkpoint(str(path))


def test_names_of_several_wrappers():
    state = {'module.module.a.module.b': 1, 'c.module.module.d': 2, 'a_module.e': 3}
    assert _plain_names(state) == {'a.b': 1, 'c.d': 2, 'a_module.e': 3}


def test_weights_of_another_model_are_refused():
    model = MODELS.build(toy_model())
    state = model.state_dict()
    require_weights(model, dict(state_dict=state), 'a.pth', 'x.py')
    require_weights(MMDataParallelLike(model), state, 'a.pth', 'x.py')
    state = {k: v for k, v in state.items() if 'conv_seg' not in k}
    with pytest.raises(ValueError, match=r'a\.pth is not .*x\.py.*conv_seg.* is absent'):
        require_weights(model, dict(state_dict=state), 'a.pth', 'x.py')


def test_parts_of_training_may_be_absent_in_a_test_only():
    model = MODELS.build(toy_cam_model())
    state = {k: v for k, v in model.state_dict().items() if not k.startswith('sub_')}
    require_weights(model, state, 'a.pth')
    with pytest.raises(ValueError, match=r'sub_category_head\S+ is absent'):
        require_weights(model, state, 'a.pth', training=True)


class MMDataParallelLike(torch.nn.Module):
    def __init__(self, module):
        super().__init__()
        self.module = module


@pytest.mark.parametrize('value', [float('nan'), float('inf')])
def test_weights_that_are_not_finite_are_refused(tmp_path, value):
    state = dict(a=torch.zeros(3), n=torch.tensor(4))
    torch.save(dict(state_dict=state), tmp_path / 'a.pth')
    assert read_checkpoint(str(tmp_path / 'a.pth'))['state_dict']['n'] == 4
    state['a'][1] = value
    torch.save(dict(state_dict=state), tmp_path / 'b.pth')
    with pytest.raises(ValueError, match=r'b\.pth: a is not finite.* diverged'):
        read_checkpoint(str(tmp_path / 'b.pth'))


def test_classes_flag_and_normalisation_are_compared():
    model = toy_model()
    config = Config(dict(model=model)).pretty_text
    data = dict(classes=('background', 'square', 'disc'), reduce_zero_label=False)
    content = dict(meta=dict(dataset_meta=data, cfg=config), state_dict={})
    same = partial(require_same_data, content, 'a.pth')
    same(data['classes'], model, False)
    same(None)
    require_same_data(dict(state_dict={}), 'a.pth', ('x',), model, True)  # knows nothing
    with pytest.raises(ValueError, match=r'a\.pth was trained on .*square, disc; .*order'):
        same(('background', 'disc', 'square'))
    with pytest.raises(ValueError, match='reduce_zero_label=False, the data set has True'):
        same(data['classes'], model, True)
    for name, value in (('mean', [0, 0, 0]), ('std', [1, 2, 3]), ('bgr_to_rgb', False)):
        other = dict(model, data_preprocessor=dict(model['data_preprocessor']))
        other['data_preprocessor'][name] = value
        with pytest.raises(ValueError, match=rf'data_preprocessor\.{name}=.* has'):
            same(data['classes'], dict(type='SegTTAModel', module=other))


def test_text_of_a_config_is_read_and_not_run():
    text = "a = 1\nmodel = dict(type='X', head=dict(scale=(-1, 2.5), of={'b': None}))\n"
    assert config_model(text) == dict(type='X', head=dict(scale=[-1, 2.5], of=dict(b=None)))
    assert config_model('model = dict(a=exit())') == {}
    assert config_model('model = (') == config_model('x = 1') == {}


def test_folder_of_a_training_means_its_newest_checkpoint(tmp_path):
    with pytest.raises(FileNotFoundError, match='train first'):
        checkpoint_file(tmp_path)
    for iteration in (300, 1200, 600):
        torch.save(dict(state_dict={}), tmp_path / f'iter_{iteration}.pth')
    newest = str(tmp_path / 'iter_1200.pth')
    assert checkpoint_file(tmp_path) == newest
    assert checkpoint_file(newest) == newest
    assert checkpoint_file('absent.pth') == 'absent.pth'  # told when it is read
    assert Network.of(('config.py', str(tmp_path))).checkpoint == newest
