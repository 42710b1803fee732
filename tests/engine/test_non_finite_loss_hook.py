"""A diverged training stops, is told of, and leaves no spoilt checkpoint."""

from types import SimpleNamespace

import pytest
import torch

from mmseg_weak.engine.hooks import NonFiniteLossHook

RUNNER = SimpleNamespace(iter=6, max_iters=20)


@pytest.mark.parametrize('value', [float('nan'), float('inf'), -float('inf')])
def test_the_first_loss_that_is_no_number_ends_the_training(value):
    outputs = {'loss': torch.tensor(1.0), 'acc_seg': float('nan')}
    NonFiniteLossHook().after_train_iter(RUNNER, 6, outputs=outputs)
    NonFiniteLossHook().after_train_iter(RUNNER, 6)
    outputs['decode.loss_ce'] = torch.tensor(value)
    with pytest.raises(ValueError, match='loss_ce is .* in iteration 7 of 20: the train'):
        NonFiniteLossHook().after_train_iter(RUNNER, 6, outputs=outputs)


@pytest.mark.parametrize('value', [float('nan'), float('inf'), -float('inf')])
@pytest.mark.parametrize('kind', [torch.float32, torch.float16, torch.bfloat16])
def test_spoilt_weights_are_not_saved(value, kind):
    # Finite numbers whose sum is not.
    large = torch.full((4,), torch.finfo(kind).max, dtype=kind)
    state = dict(a=large, steps=torch.tensor(3), b=torch.ones(5, dtype=kind))
    NonFiniteLossHook().before_save_checkpoint(RUNNER, dict(state_dict=state))
    state['b'][2] = value
    with pytest.raises(ValueError, match='weights of iteration 7 of 20: b is not finite'):
        NonFiniteLossHook().before_save_checkpoint(RUNNER, dict(state_dict=state))
