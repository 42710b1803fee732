"""Two processes find the same clusters and losses as one, with shards of 6 and 5.

The two have their features in files, the one in memory.
"""

import copy

import torch
import torch.distributed as torch_dist
import torch.multiprocessing as mp
from mmengine.registry import init_default_scope
from mmseg.registry import DATASETS, MODELS
from torch.nn.parallel import DistributedDataParallel
from toy_tags import NUM_IMAGES, toy_tag_config, write_tag_set

import mmseg_weak  # noqa: F401  (the spawned processes know no conftest)
from mmseg_weak.engine.feature_extraction import extract_features, plain_dataset
from mmseg_weak.engine.sub_categories import assignment_table, cluster_classes
from mmseg_weak.models.cam.feature_rows import FeatureRows


def cluster(root, folder, shift=0.0, files=None):
    """Features, tags, assignments and a model that has them."""
    init_default_scope('mmseg')
    torch.set_num_threads(1)
    config = toy_tag_config(root, folder, folder)
    dataset = DATASETS.build(copy.deepcopy(config.train_dataloader.dataset))
    torch.manual_seed(0)
    model = MODELS.build(config.model)
    # Batch norms of the second rank have seen other images.
    model.backbone.bn1.running_mean += shift
    model.train()
    dataset = plain_dataset(dataset, None)
    features, tags = extract_features(model, dataset, folder=files)
    classes = cluster_classes(features, tags, 2, 4, (0, 1))
    table = assignment_table(classes, NUM_IMAGES)
    model.sub_category_head.allocate(NUM_IMAGES)
    model.sub_category_head.assign(table, 1)
    assert model.training
    features = FeatureRows(features).take(torch.arange(NUM_IMAGES))
    return dataset, model.eval(), features, tags, table


def step(model, wrapped, dataset, indices):
    """Summed loss and gradients of some images."""
    items = [dataset[i] for i in indices]
    inputs = torch.stack([item['inputs'] for item in items]).float() / 60
    samples = [item['data_samples'] for item in items]
    losses = wrapped(inputs, samples, mode='loss')
    loss = sum(losses.values())
    loss.backward()
    return loss.detach(), {n: p.grad for n, p in model.named_parameters()}


def run_rank(rank, root, folder):
    """Body of one of two processes."""
    torch_dist.init_process_group(
        'gloo', init_method=f'file://{folder}/store', rank=rank, world_size=2
    )
    dataset, model, *found = cluster(root, folder, float(rank), folder / 'features')
    wrapped = DistributedDataParallel(model)
    loss, gradients = step(model, wrapped, dataset, range(2 * rank, 2 * rank + 2))
    torch_dist.all_reduce(loss)
    torch.save(dict(found=found, loss=loss / 2, gradients=gradients), f'{folder}/{rank}.pt')
    del wrapped
    # Both end before either takes its connections down.
    torch_dist.barrier()
    torch_dist.destroy_process_group()


def test_two_processes_equal_one(toy_root, tmp_path):
    write_tag_set(toy_root, tmp_path)
    mp.spawn(run_rank, args=(toy_root, tmp_path), nprocs=2)
    dataset, model, *found = cluster(toy_root, tmp_path)
    assert found[0].shape == (NUM_IMAGES, 16)
    loss, gradients = step(model, model, dataset, range(4))
    assert loss > 1
    for rank in (0, 1):
        pair = torch.load(tmp_path / f'{rank}.pt')
        for expected, value in zip(found, pair['found']):
            assert torch.equal(expected, value)
        torch.testing.assert_close(pair['loss'], loss, rtol=1e-5, atol=1e-6)
        for name, gradient in gradients.items():
            torch.testing.assert_close(
                pair['gradients'][name], gradient, rtol=1e-4, atol=1e-6, msg=name
            )
