"""k-means of the largest VOC 2012 class against scikit-learn: time and inertia.

    python tools/benchmark/clustering.py
    python tools/benchmark/clustering.py --threads 2 --repeats 5

4155 features of 4096 dimensions (``person`` with ResNet-38), K = 10, 10 restarts. Two
kinds: ``modes`` are rectified mixtures with the decaying spectrum of deep features,
``noise`` has no clusters at all, the hardest case for the projection.
"""

import tempfile
import time
from argparse import Namespace
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from measure import (
    Peak,
    Row,
    check_equal,
    in_fresh_process,
    memory_row,
    print_table,
    seconds_in_turn,
    time_row,
)
from sklearn.cluster import KMeans
from threadpoolctl import threadpool_limits

from mmseg_weak.models.cam.clustering import kmeans

MANY = 10**6


def make_features(kind: str, count: int, dims: int) -> np.ndarray:
    """Non-negative features, (count, dims) float32."""
    rng = np.random.default_rng(0)
    if kind == 'noise':
        return np.maximum(rng.normal(size=(count, dims)), 0).astype(np.float32)
    modes = rng.gamma(0.5, 1, (40, dims))
    weights = rng.dirichlet([0.3] * 40, count)
    noise = 0.3 * rng.gamma(0.5, 1, (count, dims))
    return (weights @ modes + noise).astype(np.float32)


def rows(options: Namespace) -> Iterator[Row]:
    """Both kinds of features."""
    # Seconds a run: a few repeats tell enough.
    options = Namespace(**{**vars(options), 'repeats': min(options.repeats, 5)})
    count, dims = (500, 512) if options.tiny else (4155, 4096)
    for kind in ('modes', 'noise'):
        features = make_features(kind, count, dims)
        on_device = torch.from_numpy(features).to(options.device)
        inertia = {}

        def ours(points=on_device, inertia=inertia) -> None:
            inertia['ours'] = kmeans(points, 10).inertia

        def stock(points=features, inertia=inertia) -> None:
            with threadpool_limits(options.threads):
                model = KMeans(10, n_init=10, random_state=0).fit(points)
            inertia['stock'] = model.inertia_

        seconds = seconds_in_turn(dict(stock=stock, ours=ours), options)
        what = f'k-means {count}x{dims}, K=10, 10 restarts, {kind}'
        # Random starts: ours may end lower, and hardly higher.
        better = min(inertia['ours'], inertia['stock'])
        check_equal(f'inertia of {what}', better, inertia['ours'], 0.005)
        yield time_row(what, seconds, 5)


def write_features(path: Path, count: int, dims: int) -> None:
    """Rows of the kind ``modes``, float32, a few at a time."""
    rng = np.random.default_rng(0)
    modes = rng.gamma(0.5, 1, (40, dims)).astype(np.float32)
    with open(path, 'wb') as file:
        for start in range(0, count, 10_000):
            rows = min(10_000, count - start)
            weights = rng.dirichlet([0.3] * 40, rows).astype(np.float32)
            noise = rng.standard_gamma(0.5, (rows, dims), dtype=np.float32)
            file.write((weights @ modes + np.float32(0.3) * noise).tobytes())


def cluster_file(path: Path, count: int, dims: int, mapped: bool, threads: int) -> tuple:
    """Seconds of the processor, bytes, inertia; runs in a process of its own."""
    torch.set_num_threads(threads)
    kmeans(torch.rand(40, 8), 2)
    with Peak() as peak:
        features = torch.from_file(str(path), False, count * dims).view(count, dims)
        if not mapped:
            features = features.clone()
        start = time.process_time()
        inertia = kmeans(features, 10).inertia
        seconds = time.process_time() - start
    return seconds, peak.most - peak.before, inertia


def file_rows(options: Namespace) -> Iterator[Row]:
    """Features mapped from a file against the same in memory; memory of many."""
    dims = 512 if options.tiny else 2048
    with tempfile.TemporaryDirectory() as name:
        path, count = Path(name) / 'features', 2000 if options.tiny else 50_000
        write_features(path, count, dims)
        memory, file = (
            in_fresh_process(cluster_file, path, count, dims, mapped, options.threads)
            for mapped in (False, True)
        )
        what = f'k-means {count}x{dims}, from a file instead of memory'
        check_equal(f'inertia of {what}', memory[2], file[2], 0.005)
        cells = f'{memory[0]:.3g} s', f'{file[0]:.3g} s'
        yield Row(what, *cells, memory[0] / file[0], 0.83)
        yield memory_row(what, memory[1], file[1], 1.33)
        if options.full:
            write_features(path, MANY, dims)
            found = in_fresh_process(cluster_file, path, MANY, dims, True, options.threads)
            what = (
                f'k-means {MANY}x{dims} from a file in {found[0]:.0f} s; size of the file'
            )
            yield memory_row(what, 4 * MANY * dims, found[1], 4)


BENCHMARKS = (rows, file_rows)

if __name__ == '__main__':
    print_table(BENCHMARKS, __doc__)
