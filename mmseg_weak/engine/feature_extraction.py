"""Pooled features of a whole training set, on one process or shared by many."""

import copy
import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import torch
from mmengine.dataset import BaseDataset, Compose, pseudo_collate
from mmengine.dist import all_gather, broadcast, get_dist_info
from torch import Tensor, nn
from torch.utils.data import DataLoader, Subset

from ..models.cam.tags import stack_tags

# Steps of a training pipeline that neither crop nor change the image.
_NAME = 'rank_{}.bin'
KEPT_STEPS = ('LoadImageFromFile', 'LoadImageTags', 'LoadClicks', 'PackWeakSegInputs')


def plain_dataset(dataset: BaseDataset, pipeline: Sequence[dict] | None) -> BaseDataset:
    """The same images in the same order, whole and not augmented.

    Args:
        dataset (BaseDataset): A training set.
        pipeline (Sequence[dict], optional): Its steps; None keeps those of the training
            set that are in :data:`KEPT_STEPS`.

    Returns:
        BaseDataset: Shares the data list with ``dataset``.

    Raises:
        ValueError: It is a wrapper such as ``RepeatDataset``, or lacks a step.
    """
    if not isinstance(dataset, BaseDataset):
        raise ValueError(
            f'sub-categories need a plain data set, and {type(dataset).__name__} wraps '
            'one: positions of images would not be unique'
        )
    plain = copy.copy(dataset)
    plain.test_mode = True  # an image that cannot be read is an error, not another image
    if pipeline is not None:
        plain.pipeline = Compose(pipeline)
        return plain
    steps = [
        step for step in dataset.pipeline.transforms if type(step).__name__ in KEPT_STEPS
    ]
    names = [type(step).__name__ for step in steps]
    for name in ('LoadImageFromFile', 'PackWeakSegInputs'):
        if name not in names:
            raise ValueError(
                f'the pipeline of the training set has no {name}; name the steps for '
                'clustering with SubCategoryClusteringHook(pipeline=[...])'
            )
    plain.pipeline = Compose(steps)
    return plain


@torch.no_grad()
def extract_features(
    model: nn.Module,
    dataset: BaseDataset,
    num_workers: int = 0,
    folder: str | os.PathLike | None = None,
) -> tuple[list[Tensor], Tensor]:
    """Pooled features and tags of every image.

    Image by image in eval mode, so that neither batches nor ranks change a feature. Rank r
    of W takes the images r, r + W, ...; shorter shards are padded for the exchange only.

    Args:
        model (nn.Module): A :class:`~mmseg_weak.models.CAMSegmentor`, not wrapped.
        dataset (BaseDataset): See :func:`plain_dataset`.
        num_workers (int): Loading processes of each rank. Defaults to 0.
        folder (str | os.PathLike, optional): Features go to a file of each rank there, on a
            file system that all share, and are mapped from it: memory does not grow with
            their number. Defaults to None, in memory.

    Returns:
        tuple: Shards of the features, as
        :class:`~mmseg_weak.models.cam.feature_rows.FeatureRows` takes them: one (images, D)
        or, from files, one of each rank. And tags (images, C) in the order of the data
        set. Float32 on the CPU, the same on every rank.

    Raises:
        ValueError: A sample has no tags, or the features are not finite.
    """
    rank, world_size = get_dist_info()
    loader = DataLoader(
        Subset(dataset, range(rank, len(dataset), world_size)),
        batch_size=1,
        num_workers=num_workers,
        collate_fn=pseudo_collate,
        # Else the loader draws a seed from the random state of the training.
        generator=torch.Generator().manual_seed(0),
    )
    if world_size > 1:
        # Running statistics of batch norms differ between ranks; the main one's count,
        # as they do in a checkpoint.
        for buffer in model.buffers():
            broadcast(buffer)
    widths = [model.decode_head.feature_channels, model.decode_head.num_foreground]
    training = model.training
    model.eval()
    rows = (_features_and_tags(model, batch) for batch in loader)
    try:
        if folder is not None:
            rows = _write_features(Path(folder), rank, rows, widths)
        rows = list(rows)
    finally:
        model.train(training)
    # A rank without images still takes part in the exchange.
    width = sum(widths) if folder is None else widths[1]
    shard = torch.cat([torch.zeros(0, width), *rows])
    if world_size > 1:
        shard = _gather(shard, len(dataset), world_size)
    if folder is None:
        features, tags = shard.split(widths, dim=1)
        return [features], tags
    # All tags are here, so all files are complete.
    counts = [len(range(r, len(dataset), world_size)) for r in range(world_size)]
    return _mapped(Path(folder), counts, widths[0]), shard


def _write_features(
    folder: Path, rank: int, rows: Iterable[Tensor], widths: list[int]
) -> Iterator[Tensor]:
    """Write the features of a rank to its file; yields the tags."""
    folder.mkdir(parents=True, exist_ok=True)
    with open(folder / _NAME.format(rank), 'wb') as file:
        for row in rows:
            features, tags = row.split(widths, dim=1)
            file.write(features.numpy().tobytes())
            yield tags


def _mapped(folder: Path, counts: Sequence[int], width: int) -> list[Tensor]:
    """Features of all ranks, mapped from their files."""
    shards = []
    for rank, count in enumerate(counts):
        path = str(folder / _NAME.format(rank))
        values = torch.zeros(0)
        if count:
            values = torch.from_file(path, shared=False, size=count * width)
        shards.append(values.view(count, width))
    return shards


def _features_and_tags(model: nn.Module, batch: dict) -> Tensor:
    """One row, (1, D + C) on the CPU."""
    head = model.decode_head
    data = model.data_preprocessor(batch, False)
    features = model.pooled_features(data['inputs']).float().cpu()
    samples = data['data_samples']
    if not torch.isfinite(features).all():
        path = samples[0].metainfo.get('img_path', 'an image')
        raise ValueError(f'{path}: its features are not finite; the training diverged')
    tags = stack_tags(samples, head.num_foreground, head.background)
    return torch.cat([features, tags], dim=1)


def _gather(shard: Tensor, total: int, world_size: int) -> Tensor:
    """Rows of all ranks, back in the order of the data set."""
    length = -(-total // world_size)
    padded = shard.new_zeros(length, shard.shape[1])
    padded[: len(shard)] = shard
    return torch.stack(all_gather(padded), dim=1).flatten(0, 1)[:total]
