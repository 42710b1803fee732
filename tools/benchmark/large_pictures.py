"""Masks of pictures of any size: memory and time against mmseg's sliding window.

    python tools/benchmark/large_pictures.py
    python tools/benchmark/large_pictures.py --full   # up to 16,000 x 16,000 pixels

FPN on EfficientNet-Lite0 with random weights, 7 classes, tiles of 1024 with steps of 768, a
JPEG file as input. Each picture is a process of its own: seconds of its processor and the
most memory of its own above that of the network, the picture included. The picture itself
takes 3 bytes a pixel twice while it is loaded, the mask 1.
"""

import tempfile
import time
from argparse import Namespace
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import torch
from measure import Peak, Row, in_fresh_process, print_table
from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmseg.registry import MODELS

from mmseg_weak.prediction import Predictor
from mmseg_weak.prediction.predictor import STRIDE, TILE

CONFIGS = Path(__file__).resolve().parents[2] / 'configs' / 'seminar'
NETWORK = 'pce_fpn_efficientnet-lite0_1xb8-1500_voc-animals-160x160.py'


def make_files(folder: Path, sides: list[int]) -> None:
    """A checkpoint with the config inside, and pictures of blobs."""
    init_default_scope('mmseg')
    config = Config.fromfile(CONFIGS / NETWORK)
    config.model.backbone.init_cfg = None
    for name in ('train', 'val', 'test'):  # pictures keep their size
        pipeline = config[f'{name}_dataloader'].dataset.pipeline
        pipeline[:] = [step for step in pipeline if 'Resize' not in step['type']]
    torch.manual_seed(0)
    weights = MODELS.build(config.model).state_dict()
    meta = dict(cfg=config.pretty_text)
    torch.save(dict(state_dict=weights, meta=meta), folder / 'network.pth')
    rng = np.random.default_rng(0)
    for side in sides:
        coarse = rng.integers(0, 256, (side // 50, side // 50, 3), dtype=np.uint8)
        picture = cv2.resize(coarse, (side, side), interpolation=cv2.INTER_CUBIC)
        cv2.imwrite(str(folder / f'{side}.jpg'), picture)


def predict(folder: Path, side: int, stock: bool, threads: int) -> tuple:
    """Seconds, bytes and a thinned mask; runs in a process of its own."""
    torch.set_num_threads(threads)
    predictor = Predictor(folder / 'network.pth', device='cpu')
    predictor(np.zeros((64, 64, 3), np.uint8))
    with Peak() as peak:
        start = time.process_time()
        if stock:
            mask = stock_mask(predictor, folder / f'{side}.jpg')
        else:
            mask = predictor(folder / f'{side}.jpg')
        seconds = time.process_time() - start
    return seconds, peak.most - peak.before, np.ascontiguousarray(mask[::3, ::3])


@torch.no_grad()
def stock_mask(predictor: Predictor, path: Path) -> np.ndarray:
    """What mmseg's sliding window makes of a file."""
    window = dict(mode='slide', crop_size=(TILE, TILE), stride=(STRIDE, STRIDE))
    predictor.model.test_cfg.update(window)
    sample = predictor.prepare(path)
    data = {key: [value] for key, value in sample.items()}
    return predictor.model.test_step(data)[0].pred_sem_seg.data[0].numpy()


def rows(options: Namespace) -> Iterator[Row]:
    """The toolbox at a size that it can bear, then larger pictures."""
    sides = [1600, 2000] if options.tiny else [4000, 8000]
    sides += [16_000] * options.full
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        make_files(folder, sides)
        found = {
            side: in_fresh_process(predict, folder, side, False, options.threads)
            for side in sides
        }
        stock = in_fresh_process(predict, folder, sides[0], True, options.threads)
    ours, side = found[sides[0]], sides[0]
    what = f'mask of {side}x{side} pixels, 7 classes'
    cells = [f'{1e6 * values[0] / side**2:.3g} ms' for values in (stock, ours)]
    yield Row(f'{what}: time of 1000 pixels', *cells, stock[0] / ours[0], '>= 0.95')
    cells = [f'{values[1] / 2**20:.0f} MiB' for values in (stock, ours)]
    yield Row(f'{what}: memory', *cells, ours[1] / stock[1], '<= 0.5')
    share = (stock[2] == ours[2]).mean()
    yield Row(f'{what}: share of equal pixels', '1', f'{share:.6f}', share, '>= 0.9999')
    for other in sides[1:]:
        what = f'mask of {other}x{other} beside {side}x{side}, bytes a pixel'
        each = [found[s][1] / s**2 for s in (side, other)]
        cells = [f'{value:.1f}' for value in each]
        yield Row(what, *cells, each[1] / each[0], '<= 1')
        what = f'mask of {other}x{other} beside {side}x{side}, time of 1000 pixels'
        each = [found[s][0] / s**2 * 1e6 for s in (side, other)]
        yield Row(what, *(f'{v:.3g} ms' for v in each), each[1] / each[0], '<= 1.2')


if __name__ == '__main__':
    print_table([rows], __doc__)
