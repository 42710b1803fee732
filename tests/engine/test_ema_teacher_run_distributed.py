"""Two ranks of mmengine's own launcher have one teacher, and resume exactly."""

import os
import shutil
import socket

import torch
import torch.distributed as torch_dist
import torch.multiprocessing as mp
from mmengine.runner import Runner
from toy import resumable_config

import mmseg_weak  # noqa: F401  (the spawned processes know no conftest)
from mmseg_weak.apis.launch import use_cpu_processes

CONSISTENCY = dict(type='TeacherConsistency', loss=dict(type='PixelConsistencyLoss'))


def run_rank(rank, port, root, folder, resume):
    """Body of one of two processes; batch norms are not synchronised."""
    torch.set_num_threads(1)
    os.environ.update(
        RANK=str(rank),
        LOCAL_RANK=str(rank),
        WORLD_SIZE='2',
        MASTER_ADDR='127.0.0.1',
        MASTER_PORT=str(port),
    )
    config = resumable_config(root, folder, 4, consistency=CONSISTENCY)
    config.launcher = 'pytorch'
    config.env_cfg = dict(dist_cfg=dict(backend='gloo'))
    config.resume = resume
    use_cpu_processes(config)
    runner = Runner.from_cfg(config)
    runner.train()
    model = runner.model.module
    state = dict(student=model.state_dict(), teacher=model.teacher.state_dict())
    torch.save(state, folder / f'{rank}.pt')
    # Both end before either takes its connections down.
    torch_dist.barrier()
    torch_dist.destroy_process_group()


def run(root, folder, resume=False):
    with socket.socket() as probe:
        probe.bind(('127.0.0.1', 0))
        port = probe.getsockname()[1]
    mp.spawn(run_rank, args=(port, root, folder, resume), nprocs=2)
    return [torch.load(folder / f'{rank}.pt') for rank in (0, 1)]


def test_one_teacher_and_an_exact_resume(toy_root, tmp_path):
    whole, parts = tmp_path / 'whole', tmp_path / 'parts'
    whole.mkdir()
    first, second = run(toy_root, whole)
    for part, weights in first.items():
        for key, value in weights.items():
            assert torch.equal(value, second[part][key]), f'{part}.{key}'
    parts.mkdir()
    shutil.copy(whole / 'iter_2.pth', parts)
    (parts / 'last_checkpoint').write_text(str(parts / 'iter_2.pth'))
    for again, once in zip(run(toy_root, parts, resume=True), (first, second)):
        for part, weights in once.items():
            for key, value in weights.items():
                assert torch.equal(value, again[part][key]), f'{part}.{key}'
