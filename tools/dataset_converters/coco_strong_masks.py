"""Masks of the 60 COCO classes that VOC lacks: the strong half of split 4.

``python tools/dataset_converters/coco_strong_masks.py
data/coco/annotations/instances_train2017.json --out data/coco/strong60``
"""

import argparse

from mmseg_weak.apis import run_tool
from mmseg_weak.datasets.class_splits import COCO_60
from mmseg_weak.datasets.coco_masks import write_coco_masks


def parse_args() -> argparse.Namespace:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('annotations', help='instances_*.json of COCO')
    parser.add_argument('--out', required=True, help='folder for masks, list and tags')
    parser.add_argument('--classes', nargs='+', default=COCO_60, help="COCO's names")
    parser.add_argument('--first-id', type=int, default=21, help='id of the first class')
    return parser.parse_args()


def main() -> None:
    """Convert."""
    args = parse_args()
    print(write_coco_masks(args.annotations, args.out, args.classes, args.first_id))


if __name__ == '__main__':
    run_tool(main)
