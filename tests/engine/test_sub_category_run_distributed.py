"""A run with rounds of clustering on two ranks of mmengine's own launcher."""

import torch
import two_ranks
from toy_tags import NUM_IMAGES, toy_tag_config, write_tag_set

import mmseg_weak  # noqa: F401  (the spawned processes know no conftest)


def run_rank(rank, port, root, folder):
    """Body of one of two processes."""
    config = toy_tag_config(root, folder, folder / 'work', num_pictures=1)
    model = two_ranks.train(rank, port, config).model.module
    state = dict(model.sub_category_head.assignment_state(), weights=model.state_dict())
    torch.save(state, folder / f'{rank}.pt')
    two_ranks.leave()


def test_both_ranks_end_alike(toy_root, tmp_path):
    write_tag_set(toy_root, tmp_path)
    two_ranks.spawn(run_rank, toy_root, tmp_path)
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
