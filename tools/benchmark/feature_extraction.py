"""Images a second of the features that sub-categories are found in, against ranks.

    python tools/benchmark/feature_extraction.py

EfficientNet-Lite0 on whole JPEG files of 500x375 pixels, made on the fly, as before a round
of sub-categories. Each rank is a process with one thread; by the clock, for ranks wait for
each other, so nothing else should run. Always on the CPU.
"""

import tempfile
import time
from argparse import Namespace
from collections.abc import Iterator
from pathlib import Path

import torch
import torch.distributed as dist
import torch.multiprocessing as mp
from click_pipeline import CLASSES, make_dataset, make_files
from measure import Row, print_table
from mmengine.registry import init_default_scope
from mmseg.registry import MODELS

import mmseg_weak  # noqa: F401
from mmseg_weak.engine.feature_extraction import extract_features, plain_dataset


def make_model() -> torch.nn.Module:
    """Classifier with random weights; speed does not depend on them."""
    init_default_scope('mmseg')
    torch.manual_seed(0)
    return MODELS.build(
        dict(
            type='CAMSegmentor',
            data_preprocessor=dict(type='SegDataPreProcessor'),
            backbone=dict(type='EfficientNetLite', arch='lite0', out_indices=(6,)),
            decode_head=dict(type='CAMHead', in_channels=320, num_classes=len(CLASSES)),
        )
    )


def run_rank(rank: int, ranks: int, workers: int, root: Path) -> None:
    """Time one pass over all images; the main rank writes the seconds."""
    torch.set_num_threads(1)
    store = f'file://{root}/store_{ranks}_{workers}'
    dist.init_process_group('gloo', init_method=store, rank=rank, world_size=ranks)
    model, dataset = make_model(), plain_dataset(make_dataset(root, 'ours', 64), None)
    model(torch.zeros(1, 3, 375, 500), mode='tensor')
    dist.barrier()
    start = time.perf_counter()
    extract_features(model, dataset, workers)
    dist.barrier()
    if rank == 0:
        (root / 'seconds').write_text(str(time.perf_counter() - start))
    dist.destroy_process_group()


def rows(options: Namespace) -> Iterator[Row]:
    """A loading process, then a second rank, beside one process alone."""
    images, size = (6, (80, 60)) if options.tiny else (200, (500, 375))
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        make_files(root, images, size)
        rates = {}
        for ranks, workers in ((1, 0), (1, 1), (2, 0)):
            mp.spawn(run_rank, (ranks, workers, root), nprocs=ranks)
            rates[ranks, workers] = images / float((root / 'seconds').read_text())
    plain = rates.pop((1, 0))
    for (ranks, workers), rate in rates.items():
        what = f'features, {ranks} ranks, {workers} loading processes; one process alone'
        cells = f'{plain:.3g} images/s', f'{rate:.3g} images/s'
        yield Row(what, *cells, rate / plain)


if __name__ == '__main__':
    print_table([rows], __doc__)
