"""Both phases on two ranks of mmengine's own launcher, which builds the wrapper itself."""

import os
import socket

import pytest
import torch
import torch.distributed as torch_dist
import torch.multiprocessing as mp
from mmengine.runner import Runner
from toy_transfer import transfer_config, write_strong_weak

import mmseg_weak  # noqa: F401  (the spawned processes know no conftest)
from mmseg_weak.apis.launch import use_cpu_processes


def run_rank(rank, port, root, folder, phase):
    """Body of one of two processes, which draw their weights differently."""
    torch.set_num_threads(1)
    os.environ.update(
        RANK=str(rank),
        LOCAL_RANK=str(rank),
        WORLD_SIZE='2',
        MASTER_ADDR='127.0.0.1',
        MASTER_PORT=str(port),
    )
    config = transfer_config(root, folder / 'work', 2, model=dict(phase=phase))
    config.launcher = 'pytorch'
    config.env_cfg = dict(dist_cfg=dict(backend='gloo'))
    config.randomness = dict(seed=0, diff_rank_seed=True)
    config.model_wrapper_cfg = dict(type='PredictionTransferDDP')
    use_cpu_processes(config)
    runner = Runner.from_cfg(config)
    runner.train()
    model = runner.model.module
    state = dict(
        segmentor=model.state_dict(), network=model.prediction_network.state_dict()
    )
    torch.save(state, folder / f'{rank}.pt')
    # Both end before either takes its connections down.
    torch_dist.barrier()
    torch_dist.destroy_process_group()


@pytest.mark.parametrize('phase', ['pretrain', 'joint'])
def test_both_ranks_end_alike(toy_root, tmp_path, phase):
    root = write_strong_weak(toy_root, tmp_path / 'set')
    with socket.socket() as probe:
        probe.bind(('127.0.0.1', 0))
        port = probe.getsockname()[1]
    mp.spawn(run_rank, args=(port, root, tmp_path, phase), nprocs=2)
    first, second = (torch.load(tmp_path / f'{rank}.pt') for rank in (0, 1))
    for part, weights in first.items():
        for key, value in weights.items():
            if 'running' not in key:  # batch norms without synchronisation
                torch.testing.assert_close(value, second[part][key], msg=f'{part}.{key}')
    saved = torch.load(tmp_path / 'work/iter_2.pth', weights_only=False)
    for key, value in first['network'].items():
        torch.testing.assert_close(saved['prediction_network'][key], value)
