"""Masks of pictures of any size: memory and time against mmseg's sliding window.

    python tools/benchmark/large_pictures.py
    python tools/benchmark/large_pictures.py --full   # up to 20,000 x 20,000 pixels

The narrow FCN of the synthetic set with random weights, 6 classes, tiles of 1024 with steps
of 768, a JPEG file as input. How time and memory grow is measured with one layer in place
of the network, which would hide it. Each picture is a process of its own: seconds of its
processor and the most memory of its own above that of the network, the picture included.
The picture itself takes 3 bytes a pixel twice while it is loaded, the mask 1.
"""

import sys
import tempfile
import time
from argparse import Namespace
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import torch
from measure import Peak, Row, check_equal, in_fresh_process, memory_row, print_table
from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmseg.registry import MODELS

from mmseg_weak.prediction import Predictor
from mmseg_weak.prediction.predictor import STRIDE, TILE

CONFIGS = Path(__file__).resolve().parents[2] / 'configs' / 'seminar'
NETWORK = 'pce_fcn_r18-narrow_1xb8-400_synthetic-96x96.py'


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


def predict(folder: Path, side: int, form: str, threads: int) -> tuple:
    """Seconds, bytes and a thinned mask; runs in a process of its own."""
    torch.set_num_threads(threads)
    predictor = Predictor(folder / 'network.pth', device='cpu')
    predictor(np.zeros((64, 64, 3), np.uint8))
    if form == 'one layer':
        layer = torch.nn.Conv2d(3, predictor.model.out_channels, 1)
        predictor.model.encode_decode = lambda tile, metas: layer(tile)
    with Peak() as peak:
        start = time.process_time()
        if form == 'stock':
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
    sides += [16_000, 20_000] * options.full
    side = sides[0]
    with tempfile.TemporaryDirectory() as name:
        make_files(Path(name), sides)

        def run(side: int, form: str) -> tuple:
            found = in_fresh_process(predict, Path(name), side, form, options.threads)
            print(f'{side}, {form}: {found[:2]}', file=sys.stderr, flush=True)
            return found

        stock, ours = (run(side, form) for form in ('stock', 'ours'))
        grown = {side: run(side, 'one layer') for side in sides}
    what = f'mask of {side}x{side}, 6 classes, narrow FCN'
    check_equal(f'unequal pixels of {what}', 1.0, (stock[2] == ours[2]).mean(), 1e-4)
    cells = [f'{found[0]:.3g} s' for found in (stock, ours)]
    yield Row(what, *cells, stock[0] / ours[0], 0.95)
    yield memory_row(what, stock[1], ours[1], 2)
    for other in sides[1:]:
        more = (other / side) ** 2
        what = f'{other}x{other}, one layer; {more:.3g} times {side}x{side}'
        pairs = [(more * grown[side][i], grown[other][i]) for i in (0, 1)]
        cells = [f'{value:.3g} s' for value in pairs[0]]
        yield Row(what, *cells, pairs[0][0] / pairs[0][1], 0.83)
        yield memory_row(what, *pairs[1], 0.91)


if __name__ == '__main__':
    print_table([rows], __doc__)
