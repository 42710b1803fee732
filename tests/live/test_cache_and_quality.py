"""Features are computed once; held-out clicks tell how good the model is."""

import os

import numpy as np
import pytest
import torch

from mmseg_weak.live.cache import FeatureCache
from mmseg_weak.live.head import Samples, Standard
from mmseg_weak.live.model import LiveModel
from mmseg_weak.live.quality import click_quality


class Counter:
    def __init__(self):
        self.calls = []

    def __call__(self, path):
        self.calls.append(os.path.basename(path))
        return [np.full((2, 8, 8), len(self.calls), np.float16)]


@pytest.fixture
def files(tmp_path):
    names = [tmp_path / f'{i}.png' for i in range(6)]
    for name in names:
        name.write_bytes(b'x')
    return [str(name) for name in names]


def test_computed_once_and_anew_when_file_or_network_changed(files, tmp_path):
    count = Counter()
    first = FeatureCache(tmp_path / 'c', count, 'a').get(files[0])
    again = FeatureCache(tmp_path / 'c', count, 'a').get(files[0])
    assert len(count.calls) == 1 and (first[0] == again[0]).all()
    FeatureCache(tmp_path / 'c', count, 'other').get(files[0])
    (tmp_path / '0.png').write_bytes(b'changed')
    cache = FeatureCache(tmp_path / 'c', count, 'a')
    assert not cache.has(files[0])
    cache.get(files[0])
    assert len(count.calls) == 3


def test_bounded_on_disk_and_least_recently_used_leave(files, tmp_path):
    count = Counter()
    cache = FeatureCache(tmp_path / 'c', count, 'a', max_bytes=2200, max_memory=1)
    for name in files:
        cache.get(name)
        total = sum(f.stat().st_size for f in (tmp_path / 'c').glob('*.npz'))
        assert total <= 2200
    assert cache.has(files[-1]) and not cache.has(files[0])


def test_a_cut_off_file_is_computed_again(files, tmp_path):
    count = Counter()
    FeatureCache(tmp_path / 'c', count, 'a').get(files[0])
    (file,) = (tmp_path / 'c').glob('*.npz')
    file.write_bytes(file.read_bytes()[:50])
    FeatureCache(tmp_path / 'c', count, 'a').get(files[0])
    assert len(count.calls) == 2


def test_planted_wrong_clicks_are_suspicious():
    rng = np.random.default_rng(0)
    labels = np.repeat([0, 1, 2], 60)
    x = rng.normal(size=(180, 12)) + 4 * np.eye(3, 12)[labels]
    given = labels.copy()
    wrong = rng.permutation(180)[:18]
    given[wrong] = (given[wrong] + 1) % 3
    samples = Samples(
        torch.from_numpy(x).float(),
        given,
        np.ones(180),
        np.zeros(180, bool),
        np.arange(180),
    )
    model = LiveModel(Standard(torch.zeros(12), torch.ones(12), [12]), 3, profile='flat')
    model.fit(samples)
    quality = click_quality(model, samples, ['a', 'b', 'c'])
    found = set(quality.suspicious)
    hits = len(found & set(wrong.tolist()))
    assert hits >= 0.8 * len(wrong) and hits >= 0.5 * len(found)
    assert quality.interval[0] < quality.miou < quality.interval[1]
    assert 80 < quality.accuracy < 95
