"""Click sets of any size: conversion, start and images a second, flat from 10^4 to 10^7.

    python tools/benchmark/click_sets.py              # 10^4 and 10^6 clicks, 10^5 images
    python tools/benchmark/click_sets.py --clicks 10000 10000000 --images 1000 1000000

Writes a CSV in the form of Open Images' points and as many names of images, which are hard
links to a handful of pictures of 500x375 pixels (with --no-files, names only), in a folder
that is removed again. Each step is a process of its own: seconds of the processor and of
the clock, and the peak of its own memory (resident and not of a file) above the imports.
"""

import argparse
import json
import logging
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import cv2
import numpy as np

CLASSES = tuple(f'/m/{i:03d}' for i in range(20))
PICTURES, SIZE, PASSES = 8, (500, 375), 200
COLUMNS = 'ImageId,X,Y,Label,EstimatedYesNo,Source,YesVotes,NoVotes,UnsureVotes,TextLabel'
STEPS = (
    ('convert', 'convert the CSV'),
    ('first', 'first start, no header checks'),
    ('next', 'next start, no header checks'),
    ('stock', "mmseg's own data set of the list"),
    ('checked', 'first start with header checks'),
    ('checked again', 'next start with header checks'),
    ('images', f'{PASSES} images through the pipeline'),
)


def make_files(root: Path, clicks: int, images: int, files: bool) -> None:
    """Write list, pictures and the CSV."""
    rng = np.random.default_rng(0)
    pictures = [root / f'picture{i}.jpg' for i in range(PICTURES)]
    for path in pictures:
        noise = cv2.resize(rng.normal(128, 40, (SIZE[1] // 8, SIZE[0] // 8, 3)), SIZE)
        cv2.imwrite(str(path), noise)
    names = [f'{i * 0x9E3779B97F4A7C15 % 2**64:016x}' for i in range(images)]
    (root / 'list.txt').write_text('\n'.join(names) + '\n')
    (root / 'images').mkdir()
    for i, name in enumerate(names if files else ()):
        os.link(pictures[i % PICTURES], root / 'images' / f'{name}.jpg')
    with open(root / 'points.csv', 'w') as file:
        file.write(COLUMNS + '\n')
        for first in range(0, clicks, 1 << 16):
            rows = np.arange(first, min(clicks, first + (1 << 16)))
            x, y = rng.random((2, len(rows))).round(6)
            label = rng.integers(0, len(CLASSES), len(rows))
            answer = rng.choice(['yes', 'no', 'unsure'], len(rows), p=[0.6, 0.3, 0.1])
            columns = (rows * images // clicks, x, y, label, answer)
            file.writelines(
                f'{names[i]},{a},{b},{CLASSES[c]},{yes},cc,1,1,0,\n'
                for i, a, b, c, yes in zip(*(column.tolist() for column in columns))
            )


def config(root: Path, step: str) -> dict:
    """The data set of a step."""
    pipeline = []
    if step == 'images':
        names = ('LoadImageFromFile', 'LoadClicks', 'RasterizeClicks', 'PackWeakSegInputs')
        pipeline = [dict(type=name) for name in names]
    settings = dict(
        type='BaseSegDataset' if step == 'stock' else 'ClickDataset',
        ann_file=str(root / 'list.txt'),
        data_prefix=dict(img_path=str(root / 'images')),
        metainfo=dict(classes=CLASSES),
        pipeline=pipeline,
    )
    if step != 'stock':
        settings.update(click_file=str(root / 'table'))
        settings.update(check_images=step.startswith('checked'))
    return settings


def own_memory() -> int:
    """Bytes of resident memory that belong to no file, now."""
    for line in Path('/proc/self/status').read_text().splitlines():
        if line.startswith('RssAnon'):
            return 1024 * int(line.split()[1])
    return 0


class Peak:
    """Most own memory of this process while it is watched, by a thread."""

    def __enter__(self) -> 'Peak':
        import threading

        self.before = self.most = own_memory()
        self.stop = threading.Event()
        self.thread = threading.Thread(target=self._watch)
        self.thread.start()
        return self

    def _watch(self) -> None:
        while not self.stop.wait(0.02):
            self.most = max(self.most, own_memory())

    def __exit__(self, *error) -> None:
        self.stop.set()
        self.thread.join()
        self.most = max(self.most, own_memory())


def run_step(root: Path, step: str) -> None:
    """One step, in this process; prints its numbers as JSON."""
    from mmengine.registry import init_default_scope
    from mmseg.registry import DATASETS

    import mmseg_weak  # noqa: F401
    from mmseg_weak.datasets.formats.conversion import convert

    logging.disable(logging.WARNING)
    init_default_scope('mmseg')
    dataset = DATASETS.build(config(root, step)) if step == 'images' else None
    rows = np.random.default_rng(0).integers(0, len(dataset or [0]), PASSES).tolist()
    with Peak() as peak:
        clock, processor = time.perf_counter(), time.process_time()
        if step == 'convert':
            convert(root / 'points.csv', 'click-table', root / 'table')
        elif step == 'images':
            for row in rows:
                dataset[row]
        else:
            DATASETS.build(config(root, step))
        spent = time.perf_counter() - clock, time.process_time() - processor
    print(json.dumps([*spent, peak.most - peak.before]))


def measure(clicks: int, images: int, files: bool) -> dict[str, list[float]]:
    """Numbers of each step, each in a process of its own."""
    results = {}
    with tempfile.TemporaryDirectory() as folder:
        make_files(Path(folder), clicks, images, files)
        for step, _ in STEPS:
            if not files and step in ('checked', 'checked again', 'images'):
                continue
            command = [sys.executable, '-W', 'ignore', __file__, '--step', step, folder]
            output = subprocess.run(command, capture_output=True, text=True, check=True)
            results[step] = json.loads(output.stdout.splitlines()[-1])
    return results


def main() -> None:
    """Measure both sizes in turn and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--clicks', type=int, nargs='+', default=[10_000, 1_000_000])
    parser.add_argument('--images', type=int, nargs='+', default=[1_000, 100_000])
    parser.add_argument('--no-files', action='store_true', help='names without images')
    parser.add_argument('--step', nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.step:
        run_step(Path(options.step[1]), options.step[0])
        return
    sizes = list(zip(options.clicks, options.images, strict=True))
    found = [measure(*size, not options.no_files) for size in sizes]
    heads = [f'{clicks:,} clicks, {images:,} images' for clicks, images in sizes]
    print('| | ' + ' | '.join(heads) + ' |')
    print('| --- |' + ' --- |' * len(heads))
    for step, text in STEPS:
        cells = [
            f'{r[step][1]:.3g} s ({r[step][0]:.3g} s), {r[step][2] / 2**20:.0f} MiB'
            for r in found
            if step in r
        ]
        print(f'| {text} | ' + ' | '.join(cells) + ' |')


if __name__ == '__main__':
    main()
