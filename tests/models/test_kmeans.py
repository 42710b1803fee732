"""k-means against scikit-learn and on degenerate inputs."""

import numpy as np
import pytest
import torch
from sklearn.cluster import KMeans

from mmseg_weak.models.cam.clustering import kmeans, lloyd, nearest_members
from mmseg_weak.models.cam.feature_rows import FeatureRows


def blobs(n, d, k, seed=0, spread=0.5):
    rng = np.random.default_rng(seed)
    centres = rng.normal(size=(k, d))
    return (centres[rng.integers(k, size=n)] + spread * rng.normal(size=(n, d))).astype(
        np.float32
    )


@pytest.mark.parametrize(
    ('n', 'd', 'k', 'spread'),
    [
        (300, 8, 5, 0.5),
        (300, 8, 10, 2.0),
        (500, 3, 10, 1.0),
        (800, 1024, 10, 1.0),
        (450, 700, 20, 3.0),
    ],
)
@pytest.mark.parametrize('seed', [0, 1])
def test_inertia_as_low_as_scikit_learns(n, d, k, spread, seed):
    points = blobs(n, d, max(3, k - 2), seed, spread)
    ours = kmeans(torch.from_numpy(points), k, seed=seed)
    theirs = KMeans(k, n_init=10, random_state=seed).fit(points)
    assert ours.inertia <= 1.005 * theirs.inertia_
    # The inertia that is reported is that of labels and centroids.
    means = np.stack([points[ours.labels == i].mean(axis=0) for i in range(k)])
    np.testing.assert_allclose(ours.centroids, means, rtol=1e-3, atol=1e-4)
    spread = ((points - means[ours.labels]) ** 2).sum()
    np.testing.assert_allclose(ours.inertia, spread, rtol=1e-4)
    assert ours.sizes.sum() == n
    assert ours.sizes.tolist() == ours.labels.bincount(minlength=k).tolist()


@pytest.mark.parametrize(('n', 'd'), [(200, 6), (500, 640)])
def test_result_is_a_fixed_point(n, d):
    points = torch.from_numpy(blobs(n, d, 6)).double()
    result = kmeans(points, 6, tolerance=0)
    nearest = torch.cdist(points, result.centroids).argmin(dim=1)
    assert torch.equal(nearest, result.labels)


def test_same_seed_same_result_and_no_global_random_state():
    points = torch.from_numpy(blobs(450, 600, 9, spread=3))
    torch.manual_seed(3)
    first = kmeans(points, 9, seed=5)
    state = torch.get_rng_state()
    torch.manual_seed(8)
    torch.rand(7)
    again = kmeans(points, 9, seed=5)
    torch.manual_seed(3)
    assert torch.equal(state, torch.get_rng_state())
    assert torch.equal(first.labels, again.labels)
    assert first.inertia == again.inertia


def test_far_from_the_origin():
    points = torch.from_numpy(blobs(200, 5, 4, spread=0.05)) + 1000
    ours = kmeans(points, 4)
    assert ours.inertia <= 1.005 * KMeans(4, n_init=10).fit(points.numpy()).inertia_


@pytest.mark.parametrize('distinct', [1, 2, 7])
def test_clusters_are_capped_at_the_distinct_features(distinct):
    points = torch.randn(distinct, 16).repeat(5, 1)
    result = kmeans(points, 10)
    assert result.sizes.tolist() == [5] * distinct
    assert result.inertia == pytest.approx(0, abs=1e-8)
    assert torch.equal(result.labels[:distinct], result.labels[-distinct:])


def test_many_equal_features_beside_a_few_others():
    points = torch.zeros(200, 4)
    points[-9:] = torch.eye(9)[:, :4] + torch.arange(9.0)[:, None]
    result = kmeans(points, 10)
    assert len(result.sizes) == 10
    assert result.sizes.max() == 191


def test_an_empty_cluster_takes_the_farthest_point():
    points = torch.tensor([[0.0], [1.0], [2.0], [9.0]])
    start = torch.tensor([[[1.0], [100.0]], [[1.0], [9.0]]])
    centroids, labels, inertia, _ = lloyd(points, start, 50, 0.0)
    for restart in (0, 1):
        assert sorted(centroids[restart].flatten().tolist()) == [1.0, 9.0]
        assert labels[restart].bincount().tolist() in ([3, 1], [1, 3])
        assert inertia[restart] == pytest.approx(2)


def test_one_feature_and_one_cluster():
    single = kmeans(torch.tensor([[1.0, 2.0]]), 10)
    assert single.centroids.tolist() == [[1, 2]]
    points = torch.randn(40, 3)
    one = kmeans(points, 1)
    torch.testing.assert_close(one.centroids[0], points.mean(dim=0))


def test_nearest_members():
    points = torch.tensor([[0.0], [1.0], [0.6], [10.0], [12.0]])
    result = kmeans(points, 2)
    members = nearest_members(points, result, 2)
    order = int(result.labels[0])
    assert members[order] == [2, 1]
    assert set(members[1 - order]) == {3, 4}


@pytest.mark.parametrize(('n', 'd'), [(300, 8), (450, 700)])
@pytest.mark.parametrize('chunk_rows', [1, 64, 10**6])
def test_features_in_files_give_the_same_clusters(n, d, chunk_rows, tmp_path):
    """Two shards as ranks leave them, every third row left out, a few rows at a time."""
    points = torch.from_numpy(blobs(n, d, 8, spread=0.3)) + 3
    shards = []
    for rank in range(2):
        (tmp_path / str(rank)).write_bytes(points[rank::2].numpy().tobytes())
        size = len(points[rank::2]) * d
        shards.append(torch.from_file(str(tmp_path / str(rank)), False, size).view(-1, d))
    members = torch.arange(n)[torch.arange(n) % 3 > 0]
    rows = FeatureRows(shards, members, chunk_bytes=4 * d * chunk_rows)
    found, expected = kmeans(rows, 9), kmeans(points[members], 9)
    assert torch.equal(found.labels, expected.labels)
    assert found.inertia == pytest.approx(expected.inertia, rel=1e-5)
    torch.testing.assert_close(found.centroids, expected.centroids)
    nearest = nearest_members(points[members], expected, 3)
    assert nearest_members(rows, found, 3) == nearest


def test_an_empty_cluster_in_chunks():
    points = torch.cat([torch.zeros(50, 2), torch.arange(8.0).view(4, 2)])
    start = torch.tensor([[[0.0, 0.0], [500.0, 0.0], [0.0, 600.0]]])
    whole = lloyd(points, start, 50, 0.0)
    parts = lloyd(FeatureRows([points], chunk_bytes=8 * 7), start, 50, 0.0)
    torch.testing.assert_close(parts[0], whole[0])
    assert torch.equal(parts[1], whole[1]) and whole[1][0].bincount().min() > 0


def test_half_precision_and_doubles():
    points = torch.from_numpy(blobs(60, 4, 3))
    assert kmeans(points.half(), 3).centroids.dtype == torch.float32
    assert kmeans(points.double(), 3).centroids.dtype == torch.float64


@pytest.mark.parametrize(
    ('points', 'options', 'message'),
    [
        (torch.zeros(0, 4), {}, r'shape \(0, 4\)'),
        (torch.zeros(4), {}, r'shape \(4,\)'),
        (torch.zeros(4, 2, dtype=torch.long), {}, 'int64'),
        (torch.tensor([[1.0], [float('nan')]]), {}, 'feature 1 holds values'),
        (torch.tensor([[float('inf')], [1.0]]), {}, 'feature 0 holds values'),
        (torch.zeros(4, 2), dict(num_clusters=0), 'num_clusters'),
        (torch.zeros(4, 2), dict(num_restarts=0), 'num_restarts'),
        (torch.zeros(4, 2), dict(tolerance=-1), 'tolerance'),
    ],
)
def test_bad_input(points, options, message):
    with pytest.raises(ValueError, match=message):
        kmeans(points, **{'num_clusters': 2, **options})
