"""Both phases on two ranks of mmengine's own launcher, which builds the wrapper itself."""

import pytest
import torch
import two_ranks
from toy_transfer import transfer_config, write_strong_weak

import mmseg_weak  # noqa: F401  (the spawned processes know no conftest)


def run_rank(rank, port, root, folder, phase):
    """Body of one of two processes, which draw their weights differently."""
    config = transfer_config(root, folder / 'work', 2, model=dict(phase=phase))
    config.randomness = dict(seed=0, diff_rank_seed=True)
    config.model_wrapper_cfg = dict(type='PredictionTransferDDP')
    model = two_ranks.train(rank, port, config).model.module
    state = dict(
        segmentor=model.state_dict(), network=model.prediction_network.state_dict()
    )
    torch.save(state, folder / f'{rank}.pt')
    two_ranks.leave()


@pytest.mark.parametrize('phase', ['pretrain', 'joint'])
def test_both_ranks_end_alike(toy_root, tmp_path, phase):
    root = write_strong_weak(toy_root, tmp_path / 'set')
    two_ranks.spawn(run_rank, root, tmp_path, phase)
    first, second = (torch.load(tmp_path / f'{rank}.pt') for rank in (0, 1))
    for part, weights in first.items():
        for key, value in weights.items():
            if 'running' not in key:  # batch norms without synchronisation
                torch.testing.assert_close(value, second[part][key], msg=f'{part}.{key}')
    saved = torch.load(tmp_path / 'work/iter_2.pth', weights_only=False)
    for key, value in first['network'].items():
        torch.testing.assert_close(saved['prediction_network'][key], value)
