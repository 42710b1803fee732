"""Tiles against mmseg's sliding window and torch's resizing."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from mmseg.models import EncoderDecoder

from mmseg_weak.prediction import tiles
from mmseg_weak.prediction.tiles import enlarged_bands, tiled_scores


def score(tile):
    """Scores (2, h, w) that differ from tile to tile, also where tiles overlap."""
    mean = tile - tile.mean()
    return torch.cat([mean, mean.flip(2)])


def sliding_window(picture, crop, stride):
    """What mmseg makes of it."""
    model = SimpleNamespace(
        test_cfg=SimpleNamespace(crop_size=crop, stride=stride),
        out_channels=2,
        encode_decode=lambda tile, metas: score(tile[0])[None],
    )
    return EncoderDecoder.slide_inference(model, picture[None], [{}])[0]


@pytest.mark.parametrize(
    ('size', 'crop', 'stride'),
    [
        ((50, 70), (16, 16), (12, 12)),
        ((64, 64), (16, 24), (5, 7)),
        ((17, 40), (16, 16), (16, 16)),
        ((10, 40), (16, 16), (12, 12)),
        ((8, 9), (16, 16), (12, 12)),
    ],
)
def test_equal_to_the_sliding_window(size, crop, stride):
    picture = torch.rand(1, *size, generator=torch.Generator().manual_seed(0))
    found = torch.full((2, *size), float('nan'))
    for (rows, columns), scores in tiled_scores(score, picture, crop, stride):
        assert found[:, rows, columns].isnan().all()
        found[:, rows, columns] = scores
    torch.testing.assert_close(found, sliding_window(picture, crop, stride))


def test_what_is_kept_does_not_grow_with_the_height(monkeypatch):
    def most_kept(height):
        bytes_kept, mean = [], tiles._mean

        def watched(kept, region):
            # The storage, not the view: a view would keep the whole tile.
            bytes_kept.append(sum(s.untyped_storage().nbytes() for *_, s in kept))
            return mean(kept, region)

        with monkeypatch.context() as patched:
            patched.setattr(tiles, '_mean', watched)
            list(tiled_scores(score, torch.zeros(1, height, 64), (16, 16), (12, 12)))
        return max(bytes_kept)

    assert most_kept(64) == most_kept(640)


@pytest.mark.parametrize('size', [(40, 31), (9, 100), (7, 5)])
@pytest.mark.parametrize('pixels', [1, 300, 10**6])
def test_bands_are_those_of_the_resized_plane(size, pixels):
    plane = torch.randn(3, 12, 9, generator=torch.Generator().manual_seed(0))
    parts = list(enlarged_bands(plane, size, pixels))
    assert [rows.start for rows, _ in parts[1:]] == [rows.stop for rows, _ in parts[:-1]]
    expected = F.interpolate(plane[None], size, mode='bilinear', align_corners=False)[0]
    found = torch.cat([band for _, band in parts], dim=1)
    np.testing.assert_allclose(found, expected, atol=1e-5)
