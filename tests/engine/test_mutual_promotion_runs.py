"""Training with two branches: several processes, interruption, pictures, a GPU."""

import copy
import multiprocessing
import os
import signal
import time

import pytest
import torch
import torch.distributed as torch_dist
import torch.multiprocessing as torch_mp
from mmengine.registry import init_default_scope
from mmengine.runner import Runner
from torch.nn.parallel import DistributedDataParallel
from toy import toy_config
from toy_mutual import BSP, CLS, PAR, build, set_iteration, tagged_batch, total, toy_mutual

TAGS = ((1,), (2, 3), (), (3,))
PADDINGS = ([0, 0, 0, 0], [0, 9, 0, 13], [0, 0, 0, 0], [4, 3, 5, 2])


def make_model():
    """Running statistics are the same in any batch."""
    init_default_scope('mmseg')
    return build(toy_mutual(backbone='mit')).eval()


def losses_of(model, inputs, samples, iteration):
    set_iteration(iteration)
    losses = model(inputs, samples, mode='loss')
    loss = total(losses)
    loss.backward()
    return torch.stack([v.detach() for k, v in losses.items() if 'loss' in k])


def run_rank(rank, folder):
    torch.set_num_threads(1)
    torch_dist.init_process_group(
        'gloo', init_method=f'file://{folder}/store', rank=rank, world_size=2
    )
    inputs, samples = tagged_batch(TAGS, paddings=PADDINGS)
    half = slice(2 * rank, 2 * rank + 2)
    # Without find_unused_parameters: every parameter has a gradient in every iteration.
    for iteration in (CLS, PAR, BSP):
        model = make_model()
        losses = losses_of(
            DistributedDataParallel(model), inputs[half], samples[half], iteration
        )
        torch_dist.all_reduce(losses)
        gradients = {name: p.grad for name, p in model.named_parameters()}
        if rank == 0:
            torch.save((losses / 2, gradients), f'{folder}/{iteration}.pt')
    torch_dist.destroy_process_group()


def test_two_processes_equal_one(tmp_path):
    torch_mp.spawn(run_rank, args=(str(tmp_path),), nprocs=2)
    for iteration in (CLS, PAR, BSP):
        pair, gradients = torch.load(tmp_path / f'{iteration}.pt')
        model = make_model()
        inputs, samples = tagged_batch(TAGS, paddings=PADDINGS)
        losses = losses_of(model, inputs, samples, iteration)
        torch.testing.assert_close(pair, losses, rtol=1e-5, atol=1e-6)
        for name, p in model.named_parameters():
            scale = p.grad.abs().max().item()
            torch.testing.assert_close(
                gradients[name], p.grad, rtol=1e-5, atol=1e-5 * scale + 1e-7, msg=name
            )


def mutual_config(root, work_dir, max_iters=6, **changes):
    """A run through both switches (iterations 3 and 4)."""
    model = toy_mutual(num_classes=3)
    model['decode_head']['dropout_ratio'] = 0.2
    config = toy_config(root, work_dir, model, max_iters, **changes)
    config.custom_hooks = [dict(type='ClassCheckHook'), dict(type='IterationSeedHook')]
    config.optim_wrapper.optimizer = dict(type='AdamW', lr=1e-3)
    config.val_evaluator = [dict(type='IoUMetric'), dict(type='CAMIoUMetric')]
    config.train_dataloader.batch_size = 2
    return config


def train(config, resume=False):
    config = copy.deepcopy(config)
    config.resume = resume
    runner = Runner.from_cfg(config)
    runner.train()
    return runner


def checkpoint(folder, iteration):
    path = folder / f'iter_{iteration}.pth'
    return torch.load(path, map_location='cpu', weights_only=False)


def killed_at(config, folder, iteration):
    """Train in a process of its own and kill it once a checkpoint is there."""
    process = multiprocessing.get_context('fork').Process(target=train, args=(config, True))
    process.start()
    marker = folder / 'last_checkpoint'  # written after the checkpoint itself
    while process.is_alive():
        name = marker.read_text() if marker.exists() else ''
        if name.endswith('.pth') and int(name[:-4].rsplit('_')[-1]) >= iteration:
            break
        time.sleep(0.002)
    os.kill(process.pid, signal.SIGKILL)
    process.join()


@pytest.mark.skipif(not hasattr(os, 'fork'), reason='forks')
def test_kills_on_both_sides_of_each_switch(toy_root, tmp_path):
    whole, killed = tmp_path / 'whole', tmp_path / 'killed'
    train(mutual_config(toy_root, whole))
    config = mutual_config(toy_root, killed)
    for iteration in (2, 3, 4, 5):
        killed_at(config, killed, iteration)
    train(config, resume=True)
    a, b = checkpoint(whole, 6), checkpoint(killed, 6)
    assert a['meta']['iter'] == b['meta']['iter'] == 6
    for key, value in a['state_dict'].items():
        torch.testing.assert_close(value, b['state_dict'][key], rtol=0, atol=0, msg=key)
    states = [saved['optimizer']['state'] for saved in (a, b)]
    for key, state in states[0].items():
        assert state['step'] == states[1][key]['step'] == 6


def test_run_logs_both_branches_and_draws_panels(toy_root, tmp_path):
    config = mutual_config(toy_root, tmp_path)
    config.custom_hooks.append(dict(type='BranchVisualizationHook', interval=2))
    config.visualizer = dict(
        type='WeakSegLocalVisualizer', vis_backends=[dict(type='LocalVisBackend')]
    )
    runner = train(config)
    scalars = runner.message_hub.log_scalars
    logged = ('cam_label_share', 'seg_label_share', 'label_agreement', 'tag_f1')
    for key in (*logged, 'loss_cls', 'loss_c2s', 'loss_s2c'):
        assert len(scalars[f'train/{key}'].data[0]) == 6, key
    share = scalars['train/cam_label_share'].data[0]
    assert (share[:3] == 0).all() and (share[3:] > 0).all()
    assert {'val/mIoU', 'val/cam/mIoU'} <= set(scalars)
    # Nothing to draw in iteration 2; segmentation starts with the fourth.
    panels = sorted(p.name for p in tmp_path.rglob('vis_image/train_*.png'))
    assert panels == [f'train_{i}_{step}.png' for i in (0, 1) for step in (4, 6)]


@pytest.mark.parametrize(
    ('hook', 'change', 'message'),
    [
        (dict(interval=0), {}, '>= 1'),
        ({}, dict(visualizer=dict(type='SegLocalVisualizer')), 'WeakSegLocalVisualizer'),
    ],
)
def test_bad_hook(toy_root, tmp_path, hook, change, message):
    config = mutual_config(toy_root, tmp_path, **change)
    config.custom_hooks.append(dict(type='BranchVisualizationHook', **hook))
    with pytest.raises(ValueError, match=message):
        train(config)


@pytest.mark.gpu
@pytest.mark.parametrize('backbone', ['conv', 'mit'])
def test_a_step_never_waits_for_the_gpu(backbone):
    model = build(toy_mutual(backbone=backbone)).cuda()
    inputs, samples = tagged_batch(paddings=PADDINGS[:3])
    inputs = inputs.cuda()
    optimizer = torch.optim.AdamW(model.parameters(), foreach=True)
    for iteration in (CLS, PAR, BSP, BSP):  # the first steps build caches
        set_iteration(iteration)
        total(model.loss(inputs, samples)).backward()
        optimizer.step()
    torch.cuda.set_sync_debug_mode('error')
    try:
        for iteration in (CLS, PAR, BSP):
            set_iteration(iteration)
            optimizer.zero_grad()
            total(model.loss(inputs, samples)).backward()
            optimizer.step()
    finally:
        torch.cuda.set_sync_debug_mode('default')
