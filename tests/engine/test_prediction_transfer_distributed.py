"""Two processes with batch N make the steps of one process with batch 2N."""

import socket

import torch
import torch.distributed as torch_dist
import torch.multiprocessing as mp
from mmengine.config import ConfigDict
from mmengine.optim import build_optim_wrapper
from mmengine.registry import init_default_scope
from mmengine.structures import PixelData
from mmseg.registry import MODELS
from mmseg.structures import SegDataSample
from toy_transfer import transfer_model

import mmseg_weak  # noqa: F401  (the spawned processes know no conftest)
from mmseg_weak.engine.hooks.prediction_network_hook import PredictionTransferDDP

STEPS = 3
SGD = dict(type='OptimWrapper', optimizer=dict(type='SGD', lr=0.2, momentum=0.9))
OPTIMIZERS = ConfigDict(
    constructor='PredictionTransferOptimWrapperConstructor',
    segmentor=SGD,
    prediction_network=SGD,
)
SHOWN = ((1,), (1, 2), (), ())  # the ranks have 3 pairs and none


def make_batch(rows):
    """A part of four images."""
    generator = torch.Generator().manual_seed(0)
    images = torch.randint(0, 256, (4, 3, 64, 64), generator=generator).byte()
    inputs, samples = [], []
    for i in rows:
        labels = torch.zeros(1, 64, 64, dtype=torch.long)
        for c in SHOWN[i]:
            labels[:, 10 * c : 30 * c, 8:40] = c
        labels[:, :, 60 - i :] = 255
        sample = SegDataSample(gt_sem_seg=PixelData(data=labels))
        sample.set_metainfo(dict(img_shape=(64, 64), mask_classes=SHOWN[i]))
        inputs.append(images[i])
        samples.append(sample)
    return dict(inputs=inputs, data_samples=samples)


def run(rows, distributed, phase):
    """Weights after a few steps; batch-norm statistics are fixed."""
    init_default_scope('mmseg')
    torch.manual_seed(0)
    model = MODELS.build(transfer_model(phase=phase, adversarial_weight=1.0))
    model.init_weights()
    wrapped = PredictionTransferDDP(model) if distributed else model
    optimizers = build_optim_wrapper(wrapped, OPTIMIZERS)
    for _ in range(STEPS):
        wrapped.eval()
        logged = wrapped.train_step(make_batch(rows), optimizers)
    return dict(
        segmentor=model.state_dict(),
        network=model.prediction_network.state_dict(),
        loss=logged['prediction_loss'],
    )


def run_rank(rank, port, folder):
    """Body of one of two processes."""
    torch.set_num_threads(1)
    torch_dist.init_process_group(
        'gloo', init_method=f'tcp://127.0.0.1:{port}', rank=rank, world_size=2
    )
    for phase in ('pretrain', 'joint'):
        result = run((2 * rank, 2 * rank + 1), True, phase)
        torch_dist.all_reduce(result['loss'])
        result['loss'] /= 2
        torch.save(result, f'{folder}/{phase}_{rank}.pt')
    torch_dist.destroy_process_group()


def test_two_processes_equal_one(tmp_path):
    with socket.socket() as probe:
        probe.bind(('127.0.0.1', 0))
        port = probe.getsockname()[1]
    mp.spawn(run_rank, args=(port, str(tmp_path)), nprocs=2)
    for phase in ('pretrain', 'joint'):
        single = run(range(4), False, phase)
        for rank in range(2):
            pair = torch.load(tmp_path / f'{phase}_{rank}.pt')
            torch.testing.assert_close(pair['loss'], single['loss'])
            for part in ('segmentor', 'network'):
                for name, value in single[part].items():
                    torch.testing.assert_close(
                        pair[part][name], value, rtol=1e-4, atol=1e-5, msg=name
                    )
