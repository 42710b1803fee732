"""k-means of the largest VOC 2012 class against scikit-learn: time and inertia.

    python tools/benchmark/clustering.py
    python tools/benchmark/clustering.py --threads 2 --repeats 5

4155 features of 4096 dimensions (``person`` with ResNet-38), K = 10, 10 restarts. Two
kinds: ``modes`` are rectified mixtures with the decaying spectrum of deep features,
``noise`` has no clusters at all, the hardest case for the projection.
"""

from argparse import Namespace

import numpy as np
import torch
from measure import Row, print_table, seconds_in_turn, time_row
from sklearn.cluster import KMeans
from threadpoolctl import threadpool_limits

from mmseg_weak.models.cam.clustering import kmeans


def make_features(kind: str, count: int, dims: int) -> np.ndarray:
    """Non-negative features, (count, dims) float32."""
    rng = np.random.default_rng(0)
    if kind == 'noise':
        return np.maximum(rng.normal(size=(count, dims)), 0).astype(np.float32)
    modes = rng.gamma(0.5, 1, (40, dims))
    weights = rng.dirichlet([0.3] * 40, count)
    noise = 0.3 * rng.gamma(0.5, 1, (count, dims))
    return (weights @ modes + noise).astype(np.float32)


def rows(options: Namespace) -> list[Row]:
    """Time and inertia of both kinds of features."""
    # Seconds a run: a few repeats tell enough.
    options = Namespace(**{**vars(options), 'repeats': min(options.repeats, 5)})
    count, dims = (500, 512) if options.tiny else (4155, 4096)
    result = []
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
        what = f'k-means {count}x{dims}, K=10, {kind}'
        result.append(time_row(f'{what}: time', seconds, '>= 5'))
        values = [f'{inertia[name]:.6g}' for name in ('stock', 'ours')]
        ratio = inertia['ours'] / inertia['stock']
        result.append(Row(f'{what}: inertia', *values, ratio, '<= 1.005'))
    return result


if __name__ == '__main__':
    print_table([rows], __doc__)
