"""Click sets of any size: conversion, start and images a second, flat from 10^4 to 10^7.

    python tools/benchmark/click_sets.py        # 10^4 and 10^7 clicks, 10^3 and 10^6 images
    python tools/benchmark/click_sets.py --clicks 1000000 --images 100000 --checked

Writes a CSV in the form of Open Images' points and a list of images in a folder that is
removed again. Of the images only those that are loaded exist, hard links to a handful of
pictures of 500x375 pixels; with --checked all do. Each step is a process of its own:
seconds of its processor (of the clock), and the most memory of its own (resident and not
of a file) that it takes.
"""

import argparse
import logging
import multiprocessing
import os
import sys
import tempfile
import time
from pathlib import Path

import cv2
import numpy as np
from measure import Peak
from mmengine.registry import init_default_scope
from mmseg.registry import DATASETS

import mmseg_weak  # noqa: F401
from mmseg_weak.datasets.formats.conversion import convert

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


def make_files(root: Path, clicks: int, images: int, linked: list[int]) -> None:
    """Write the list, the CSV and links to pictures for some of the images."""
    rng = np.random.default_rng(0)
    pictures = [root / f'picture{i}.jpg' for i in range(PICTURES)]
    for path in pictures:
        noise = rng.integers(0, 255, (SIZE[1] // 8, SIZE[0] // 8, 3), dtype=np.uint8)
        cv2.imwrite(str(path), cv2.resize(noise, SIZE))
    names = [f'{i * 0x9E3779B97F4A7C15 % 2**64:016x}' for i in range(images)]
    (root / 'list.txt').write_text('\n'.join(names) + '\n')
    (root / 'images').mkdir()
    for i in linked:
        os.link(pictures[i % PICTURES], root / 'images' / f'{names[i]}.jpg')
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


def run_step(root: Path, step: str, rows: list[int], results: object) -> None:
    """One step; puts its seconds by the clock, of the processor, and bytes."""
    dataset = DATASETS.build(config(root, step)) if step == 'images' else None
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
    results.put([*spent, peak.most - peak.before])


def measure(clicks: int, images: int, checked: bool) -> dict[str, list[float]]:
    """Numbers of each step, each in a process of its own."""
    results, context = {}, multiprocessing.get_context('fork')
    rows = np.random.default_rng(0).integers(0, images, PASSES).tolist()
    with tempfile.TemporaryDirectory() as folder:
        linked = range(images) if checked else sorted(set(rows))
        make_files(Path(folder), clicks, images, list(linked))
        for step, text in STEPS:
            if step.startswith('checked') and not checked:
                continue
            queue = context.SimpleQueue()
            process = context.Process(
                target=run_step, args=(Path(folder), step, rows, queue)
            )
            process.start()
            process.join()
            if process.exitcode:
                raise SystemExit(f'{text}: failed')
            results[step] = queue.get()
            print(f'{clicks} clicks: {text}: {results[step]}', file=sys.stderr, flush=True)
    return results


def main() -> None:
    """Measure all sizes and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--clicks', type=int, nargs='+', default=[10_000, 10_000_000])
    parser.add_argument('--images', type=int, nargs='+', default=[1_000, 1_000_000])
    parser.add_argument(
        '--checked', action='store_true', help='make all images, read headers'
    )
    options = parser.parse_args()
    logging.disable(logging.WARNING)
    init_default_scope('mmseg')
    sizes = list(zip(options.clicks, options.images, strict=True))
    found = [measure(*size, options.checked) for size in sizes]
    heads = [f'{clicks:,} clicks, {images:,} images' for clicks, images in sizes]
    print('| | ' + ' | '.join(heads) + ' |')
    print('| --- |' + ' --- |' * len(heads))
    for step, text in STEPS:
        cells = [
            f'{r[step][1]:.3g} s ({r[step][0]:.3g} s), {r[step][2] / 2**20:.0f} MiB'
            for r in found
            if step in r
        ]
        if cells:
            print(f'| {text} | ' + ' | '.join(cells) + ' |')


if __name__ == '__main__':
    main()
