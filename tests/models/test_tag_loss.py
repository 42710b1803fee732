"""The loss of image tags: torch's, weights, and two processes equal to one."""

import pytest
import torch
import torch.distributed as torch_dist
import torch.multiprocessing as mp
import torch.nn.functional as F

from mmseg_weak.models import TagSoftMarginLoss


def make_batch():
    generator = torch.Generator().manual_seed(0)
    logits = 3 * torch.randn(5, 4, generator=generator, dtype=torch.double)
    tags = torch.randint(2, (5, 4), generator=generator).double()
    return logits, tags, torch.rand(5, generator=generator, dtype=torch.double)


def loss_and_gradient(logits, tags, weight):
    logits = logits.clone().requires_grad_()
    loss = TagSoftMarginLoss(loss_weight=5.0)(logits, tags, weight)
    return loss.detach(), torch.autograd.grad(loss, logits)[0]


def test_equals_torch():
    logits, tags, weight = make_batch()
    expected = F.multilabel_soft_margin_loss(logits, tags, reduction='none')
    loss = TagSoftMarginLoss()
    torch.testing.assert_close(loss(logits, tags), expected.mean())
    torch.testing.assert_close(
        loss(logits, tags, weight), (expected * weight).sum() / weight.sum()
    )
    assert torch.autograd.gradcheck(
        lambda x: loss(x, tags, weight), logits.requires_grad_()
    )


def test_empty_batch_and_extreme_logits():
    loss = TagSoftMarginLoss()
    assert loss(torch.zeros(0, 3), torch.zeros(0, 3)) == 0
    logits = torch.tensor([[1e4, -1e4]], requires_grad=True)
    value = loss(logits, torch.tensor([[0, 1]]))
    assert value == 1e4
    value.backward()
    assert logits.grad.tolist() == [[0.5, -0.5]]
    half = loss(torch.randn(2, 3).half(), torch.ones(2, 3))
    assert half.isfinite()


def test_mistakes():
    with pytest.raises(ValueError, match='differ in shape'):
        TagSoftMarginLoss()(torch.zeros(2, 3), torch.zeros(2, 4))
    with pytest.raises(ValueError, match='loss_weight'):
        TagSoftMarginLoss(loss_weight=-1)


def run_rank(rank, folder):
    """Body of one of two processes, with two or three of the images."""
    torch.set_num_threads(1)
    torch_dist.init_process_group(
        'gloo', init_method=f'file://{folder}/store', rank=rank, world_size=2
    )
    mine = [x[2 * rank :] if rank else x[:2] for x in make_batch()]
    torch.save(loss_and_gradient(*mine), f'{folder}/{rank}.pt')
    torch_dist.destroy_process_group()


def test_two_processes_equal_one(tmp_path):
    mp.spawn(run_rank, args=(str(tmp_path),), nprocs=2)
    ranks = [torch.load(tmp_path / f'{rank}.pt') for rank in (0, 1)]
    loss, gradient = loss_and_gradient(*make_batch())
    # DistributedDataParallel averages over the ranks.
    torch.testing.assert_close((ranks[0][0] + ranks[1][0]) / 2, loss)
    torch.testing.assert_close(torch.cat([rank[1] for rank in ranks]) / 2, gradient)


def test_half_precision_is_computed_in_single():
    logits, tags, _ = make_batch()
    half = logits.bfloat16()
    loss = TagSoftMarginLoss()(half, tags)
    assert loss.dtype == torch.float32
    torch.testing.assert_close(loss, TagSoftMarginLoss()(half.float(), tags))
