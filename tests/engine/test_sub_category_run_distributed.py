"""A run with rounds of clustering on two ranks of mmengine's own launcher."""

import os
import socket

import torch
import torch.distributed as torch_dist
import torch.multiprocessing as mp
from mmengine.runner import Runner
from toy_tags import NUM_IMAGES, toy_tag_config, write_tag_set

import mmseg_weak  # noqa: F401  (the spawned processes know no conftest)
from mmseg_weak.apis.launch import use_cpu_processes


def run_rank(rank, port, root, folder):
    """Body of one of two processes."""
    torch.set_num_threads(1)
    os.environ.update(
        RANK=str(rank),
        LOCAL_RANK=str(rank),
        WORLD_SIZE='2',
        MASTER_ADDR='127.0.0.1',
        MASTER_PORT=str(port),
    )
    config = toy_tag_config(root, folder, folder / 'work', num_pictures=1)
    config.launcher = 'pytorch'
    config.env_cfg = dict(dist_cfg=dict(backend='gloo'))
    use_cpu_processes(config)
    runner = Runner.from_cfg(config)
    runner.train()
    model = runner.model.module
    state = dict(model.sub_category_head.assignment_state(), weights=model.state_dict())
    torch.save(state, folder / f'{rank}.pt')
    # Both end before either takes its connections down.
    torch_dist.barrier()
    torch_dist.destroy_process_group()


def test_both_ranks_end_alike(toy_root, tmp_path):
    write_tag_set(toy_root, tmp_path)
    with socket.socket() as probe:
        probe.bind(('127.0.0.1', 0))
        port = probe.getsockname()[1]
    mp.spawn(run_rank, args=(port, toy_root, tmp_path), nprocs=2)
    first, second = (torch.load(tmp_path / f'{rank}.pt') for rank in (0, 1))
    assert first['round'] == second['round'] == 2
    assert torch.equal(first['assignments'], second['assignments'])
    present = [[i % 3 != 1, i % 3 != 2] for i in range(NUM_IMAGES)]
    assert (first['assignments'] >= 0).tolist() == present
    for key, value in first['weights'].items():
        if 'running' not in key:  # batch norms without synchronisation
            torch.testing.assert_close(value, second['weights'][key], msg=key)
    assert (tmp_path / 'work/sub_categories/round_2/disc.jpg').is_file()
    saved = torch.load(tmp_path / 'work/iter_6.pth', weights_only=False)
    assert torch.equal(saved['sub_categories']['assignments'], first['assignments'])
