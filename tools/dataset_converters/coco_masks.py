"""Masks of all 80 COCO classes, for scoring and for fully supervised comparison.

``python tools/dataset_converters/coco_masks.py data/coco/annotations/instances_val2014.json
--out data/coco/val2014_masks --name val``

Class c of the masks is class c of ``CocoTagDataset``. Images without objects are left out.
"""

import argparse

from mmseg_weak.apis import run_tool
from mmseg_weak.datasets.coco_masks import write_coco_masks
from mmseg_weak.datasets.coco_tags import COCO_CLASSES


def main() -> None:
    """Convert."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('annotations', help='instances_*.json of COCO')
    parser.add_argument('--out', required=True, help='folder for masks, list and tags')
    parser.add_argument('--name', default='val', help='name of the list (default val)')
    args = parser.parse_args()
    print(write_coco_masks(args.annotations, args.out, COCO_CLASSES, 1, args.name))


if __name__ == '__main__':
    run_tool(main)
