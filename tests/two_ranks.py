"""Trainings on two processes of mmengine's own launcher, on CPUs."""

import os
import socket

import torch
import torch.distributed as torch_dist
import torch.multiprocessing as mp
from mmengine.runner import Runner

from mmseg_weak.apis.launch import use_cpu_processes


def spawn(body, *args):
    """Run ``body(rank, port, *args)`` in two processes."""
    with socket.socket() as probe:
        probe.bind(('127.0.0.1', 0))
        port = probe.getsockname()[1]
    mp.spawn(body, args=(port, *args), nprocs=2)


def train(rank, port, config):
    """Train a config as one of two processes; gives the runner."""
    torch.set_num_threads(1)
    os.environ.update(
        RANK=str(rank),
        LOCAL_RANK=str(rank),
        WORLD_SIZE='2',
        MASTER_ADDR='127.0.0.1',
        MASTER_PORT=str(port),
    )
    config.launcher = 'pytorch'
    config.env_cfg = dict(dist_cfg=dict(backend='gloo'))
    use_cpu_processes(config)
    runner = Runner.from_cfg(config)
    runner.train()
    return runner


def leave():
    """Both end before either takes its connections down."""
    torch_dist.barrier()
    torch_dist.destroy_process_group()
