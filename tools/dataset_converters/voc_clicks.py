"""Prepare PASCAL VOC 2012 for training from clicks, and derive ``voc_animals``.

Needed: the VOC 2012 devkit, the clicks of "What's the Point" (Bearman et al., ECCV 2016)
and the background clicks of GatedCRF (Obukhov et al., 2019). The masks of SBD
(``SegmentationClassAug``) are optional: no training from clicks reads them::

    python tools/dataset_converters/voc_clicks.py VOCdevkit/VOC2012 \
        --main pascal2012_trainval_main.json --supp pascal2012_trainval_supp.json \
        --background voc_whats_the_point_bg_from_scribbles.json \
        --masks VOCdevkit/VOC2012/SegmentationClassAug --animals data/voc_animals
"""

import argparse

from mmengine.utils import track_iter_progress

from mmseg_weak.apis import run_tool
from mmseg_weak.datasets.voc_devkit import VOCDevkit
from mmseg_weak.datasets.voc_preparation import (
    TRAIN_AUG,
    ClickFiles,
    derive_animals,
    prepare_voc,
)


def parse_args() -> argparse.Namespace:
    """Command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        'devkit', help='folder VOC2012; points/ and lists are written there'
    )
    parser.add_argument('--main', required=True, help='pascal2012_trainval_main.json')
    parser.add_argument('--supp', required=True, help='pascal2012_trainval_supp.json')
    parser.add_argument(
        '--background', required=True, help='voc_whats_the_point_bg_from_scribbles.json'
    )
    parser.add_argument('--masks', help='SegmentationClassAug of SBD, optional')
    parser.add_argument('--animals', help='folder to write voc_animals to')
    return parser.parse_args()


def main() -> None:
    """Prepare and report."""
    args = parse_args()
    devkit = VOCDevkit(args.devkit, args.masks)
    files = ClickFiles(args.main, args.supp, args.background)
    report = prepare_voc(devkit, files)
    images = report.pop('train_aug')
    note = '' if images == report.pop('expected') else f' (the literature has {TRAIN_AUG})'
    print(f'train_aug: {images} images{note}')
    for name, counts in report.items():
        numbers = ', '.join(f'{key} {value}' for key, value in counts.items())
        print(f'points/{name}.json: {numbers}')
    if args.animals:
        sizes = derive_animals(devkit, files, args.animals, track_iter_progress)
        print(f'\n{args.animals}: ' + ', '.join(f'{k} {v}' for k, v in sizes.items()))


if __name__ == '__main__':
    run_tool(main)
