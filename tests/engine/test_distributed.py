"""Two processes with batch N equal one process with batch 2N."""

import socket

import torch
import torch.distributed as torch_dist
import torch.multiprocessing as mp
from mmengine.registry import init_default_scope
from mmengine.structures import PixelData
from mmseg.registry import MODELS
from mmseg.structures import SegDataSample
from torch.nn.parallel import DistributedDataParallel
from toy import toy_model

import mmseg_weak  # noqa: F401  (the spawned processes know no conftest)

CLICKS = (1, 7, 0, 3)  # per image: the ranks hold 8 and 3


def make_batch():
    """Four images with unequal click counts, one of them padded."""
    generator = torch.Generator().manual_seed(0)
    inputs = torch.randn(4, 3, 32, 32, generator=generator)
    samples = []
    for i, count in enumerate(CLICKS):
        labels = torch.full((1, 32, 32), 255)
        pixels = torch.randperm(24 * 24, generator=generator)[:count]
        labels[0, pixels // 24, pixels % 24] = torch.arange(count) % 3
        sample = SegDataSample(gt_sem_seg=PixelData(data=labels))
        shape = (32, 24) if i == 1 else (32, 32)
        sample.set_metainfo(
            dict(img_shape=shape, image_classes=tuple(range(min(count, 3))))
        )
        samples.append(sample)
    return inputs, samples


def make_model():
    """Student and teacher with running statistics, which are the same in any batch."""
    init_default_scope('mmseg')
    term = dict(
        type='TeacherConsistency',
        loss=dict(type='PixelConsistencyLoss', mode='kl'),
        class_restriction='foreground',
        ramp_ratio=0.0,
    )
    torch.manual_seed(0)
    model = MODELS.build(toy_model(consistency=term)).eval()
    model.set_teacher(MODELS.build(toy_model()).eval())
    loss = model.decode_head.loss_decode
    loss.class_weight = (0.5, 1.0, 2.0)
    return model


def step(model, inputs, samples):
    """Summed loss after a backward pass."""
    losses = model(inputs, samples, mode='loss')
    loss = sum(value for key, value in losses.items() if 'loss' in key)
    loss.backward()
    return loss.detach()


def run_rank(rank, port, folder):
    """Body of one of two processes."""
    torch.set_num_threads(1)
    torch_dist.init_process_group(
        'gloo', init_method=f'tcp://127.0.0.1:{port}', rank=rank, world_size=2
    )
    inputs, samples = make_batch()
    model = make_model()
    half = slice(2 * rank, 2 * rank + 2)
    loss = step(DistributedDataParallel(model), inputs[half], samples[half])
    torch_dist.all_reduce(loss)
    if rank == 0:
        gradients = {name: p.grad for name, p in model.named_parameters()}
        torch.save(dict(loss=loss / 2, gradients=gradients), f'{folder}/result.pt')
    torch_dist.destroy_process_group()


def test_two_processes_equal_one(tmp_path):
    with socket.socket() as probe:
        probe.bind(('127.0.0.1', 0))
        port = probe.getsockname()[1]
    mp.spawn(run_rank, args=(port, str(tmp_path)), nprocs=2)
    pair = torch.load(tmp_path / 'result.pt')
    model = make_model()
    loss = step(model, *make_batch())
    torch.testing.assert_close(pair['loss'], loss, rtol=1e-5, atol=1e-6)
    for name, p in model.named_parameters():
        torch.testing.assert_close(
            pair['gradients'][name], p.grad, rtol=1e-5, atol=1e-6, msg=name
        )
        assert p.grad.abs().max() > 0, name
