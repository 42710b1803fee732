"""Losses of several kinds: two processes equal one."""

import torch
import torch.distributed as torch_dist
import torch.multiprocessing as mp

from mmseg_weak.models.losses import (
    AbsentClassLoss,
    CollisionCrossEntropyLoss,
    GatedCRFLoss,
    PixelAffinityLoss,
    PottsLoss,
    cam_to_seg_loss,
    seg_to_cam_loss,
)
from mmseg_weak.refinement import segmentation_label


def make_batch():
    """Two images with very different numbers of labels."""
    generator = torch.Generator().manual_seed(0)
    seg = 2 * torch.randn(2, 4, 8, 12, generator=generator, dtype=torch.double)
    cam = torch.randn(2, 3, 8, 12, generator=generator, dtype=torch.double)
    affinity = torch.rand(2, 24, 24, generator=generator, dtype=torch.double)
    labels = torch.randint(4, (2, 8, 12), generator=generator)
    labels[1, :6] = 255
    return seg, cam, affinity, labels, torch.tensor([[0, 8, 0, 12], [0, 3, 0, 4]])


def losses_and_gradients(seg, cam, affinity, labels, boxes):
    """The losses, and the gradients of each with respect to what it teaches."""
    leaves = [x.clone().requires_grad_() for x in (seg, cam, affinity)]
    seg_labels = segmentation_label(leaves[0], boxes)
    losses = [cam_to_seg_loss(leaves[0], labels), seg_to_cam_loss(leaves[1], seg_labels)]
    losses.append(PixelAffinityLoss(2)(leaves[2], labels))
    # Colours from the activations: any image will do.
    image, sizes = cam.sigmoid(), boxes[:, [1, 3]]
    for kind in (PottsLoss, CollisionCrossEntropyLoss, GatedCRFLoss):
        losses.append(kind()(leaves[0], image, sizes))
    classes = torch.arange(seg.shape[1]).expand(len(seg), -1) < 2
    losses.append(AbsentClassLoss()(leaves[0], image, sizes, classes=classes))
    losses = torch.stack(losses)
    return losses.detach(), torch.autograd.grad(losses.sum(), leaves)


def run_rank(rank, folder):
    """Body of one of two processes, with one of the images."""
    torch.set_num_threads(1)
    torch_dist.init_process_group(
        'gloo', init_method=f'file://{folder}/store', rank=rank, world_size=2
    )
    mine = [x[rank : rank + 1] for x in make_batch()]
    torch.save(losses_and_gradients(*mine), f'{folder}/{rank}.pt')
    torch_dist.destroy_process_group()


def test_two_processes_equal_one(tmp_path):
    mp.spawn(run_rank, args=(str(tmp_path),), nprocs=2)
    ranks = [torch.load(tmp_path / f'{rank}.pt') for rank in (0, 1)]
    losses, gradients = losses_and_gradients(*make_batch())
    # DistributedDataParallel averages over the ranks.
    torch.testing.assert_close((ranks[0][0] + ranks[1][0]) / 2, losses)
    for i, gradient in enumerate(gradients):
        pair = torch.cat([rank[1][i] for rank in ranks]) / 2
        torch.testing.assert_close(pair, gradient)
