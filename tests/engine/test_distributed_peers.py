"""Online peers: two processes with batch N equal one process with batch 2N."""

import socket

import pytest
import torch
import torch.distributed as torch_dist
import torch.multiprocessing as mp
from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmseg.registry import MODELS
from test_distributed import make_batch, step
from torch.nn.parallel import DistributedDataParallel
from toy import CLASSES, toy_model

import mmseg_weak  # noqa: F401  (the spawned processes know no conftest)

# What is averaged differs between the ranks: labelled pixels, weights, all of them.
VARIANTS = (
    dict(threshold=0.6),
    dict(threshold=0.5, confidence_weight=True, soft=True, fusion='agree'),
    dict(
        threshold=0.4,
        class_restriction='foreground',
        background_prior=0.5,
        refinement=dict(type='PixelAdaptiveRefinement', dilations=(1, 2), num_iters=2),
    ),
)


def save_peers(folder):
    """Two untrained networks of other widths that are sure of themselves."""
    peers = []
    for i, channels in enumerate((4, 6)):
        model = toy_model()
        model['type'] = 'EncoderDecoder'
        model['decode_head']['channels'] = channels
        torch.manual_seed(i)
        network = MODELS.build(model)
        network.decode_head.conv_seg.weight.data.mul_(300)
        peer = dict(config=f'{folder}/{i}.py', checkpoint=f'{folder}/{i}.pth')
        Config(dict(model=model)).dump(peer['config'])
        meta = dict(dataset_meta=dict(classes=CLASSES))
        torch.save(dict(state_dict=network.state_dict(), meta=meta), peer['checkpoint'])
        peers.append(peer)
    return peers


def make_student(peers, options):
    """With running statistics, which are the same in any batch."""
    init_default_scope('mmseg')
    torch.manual_seed(5)
    head = dict(type='HeterogeneousPseudoLabelHead', peers=peers, **options)
    return MODELS.build(toy_model(pseudo_label=head)).eval()


def run_rank(rank, port, folder, peers):
    """Body of one of two processes."""
    torch.set_num_threads(1)
    torch_dist.init_process_group(
        'gloo', init_method=f'tcp://127.0.0.1:{port}', rank=rank, world_size=2
    )
    inputs, samples = make_batch()
    half = slice(2 * rank, 2 * rank + 2)
    results = []
    for options in VARIANTS:
        model = make_student(peers, options)
        loss = step(DistributedDataParallel(model), inputs[half], samples[half])
        torch_dist.all_reduce(loss)
        gradients = {name: p.grad for name, p in model.named_parameters()}
        results.append((loss / 2, gradients))
    if rank == 0:
        torch.save(results, f'{folder}/result.pt')
    torch_dist.destroy_process_group()


@pytest.fixture(scope='module')
def pair(tmp_path_factory):
    """Peers, and loss and gradients of two processes for each variant."""
    init_default_scope('mmseg')
    folder = tmp_path_factory.mktemp('peers')
    peers = save_peers(folder)
    with socket.socket() as probe:
        probe.bind(('127.0.0.1', 0))
        port = probe.getsockname()[1]
    mp.spawn(run_rank, args=(port, str(folder), peers), nprocs=2)
    return peers, torch.load(folder / 'result.pt')


@pytest.mark.parametrize('variant', range(len(VARIANTS)))
def test_two_processes_equal_one(pair, variant):
    peers, results = pair
    model = make_student(peers, VARIANTS[variant])
    inputs, samples = make_batch()
    losses = model(inputs, samples, mode='loss')
    assert 0 < losses['hpl_coverage'] < 100 and losses['loss_hpl'] > 0
    loss = step(model, inputs, samples)
    pair_loss, gradients = results[variant]
    torch.testing.assert_close(pair_loss, loss, rtol=1e-5, atol=1e-6)
    for name, p in model.named_parameters():
        torch.testing.assert_close(gradients[name], p.grad, rtol=1e-4, atol=1e-6, msg=name)
