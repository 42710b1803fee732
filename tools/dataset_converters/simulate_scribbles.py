"""Make seeded scribbles, and points that say "no", from dense masks.

One line along the middle of each part of a class, in the format of a tool::

    python tools/dataset_converters/simulate_scribbles.py masks/ scribbles.json \
        --classes background cat dog --split train.txt --to datumaro

    python tools/dataset_converters/simulate_scribbles.py masks/ no.json \
        --classes background cat dog --no-points 3 --to clicks

With ``--predictions`` a point says "no" to the class that a network expects there.

Names are written for the ids of the masks, 0 first; `--ids` gives the ids of the names
where they are others.
"""

import argparse
from pathlib import Path

import numpy as np
from mmengine.utils import track_iter_progress

from mmseg_weak.apis import run_tool
from mmseg_weak.datasets.formats import write_annotations
from mmseg_weak.datasets.formats.collector import Collector
from mmseg_weak.datasets.image_files import list_image_ids
from mmseg_weak.datasets.mask_files import read_mask
from mmseg_weak.datasets.scribble_simulation import ScribbleSimulator, simulate_noes


def parse_args() -> argparse.Namespace:
    """Command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('masks', type=Path, help='folder of masks (palette or grey PNG)')
    parser.add_argument('out', type=Path, help='file or folder to write')
    parser.add_argument('--classes', nargs='+', required=True, help='names, in order')
    parser.add_argument('--ids', nargs='+', type=int, help='their ids in the masks')
    parser.add_argument('--to', default='datumaro', help='format, see docs/formats.md')
    parser.add_argument('--split', default='', help='list of image ids; default all masks')
    parser.add_argument('--suffix', default='.png', help='end of the mask names')
    parser.add_argument('--image-suffix', default='.jpg', help='end of the image names')
    parser.add_argument('--min-area', type=int, default=64, help='of a part, in pixels')
    parser.add_argument('--length', type=float, default=0.8, help='share that is drawn')
    parser.add_argument(
        '--no-points', type=int, default=0, help='"no" points an image, not scribbles'
    )
    parser.add_argument(
        '--predictions',
        type=Path,
        help='label maps of `mmseg-weak predict`: "no" points deny what they say',
    )
    parser.add_argument('--seed', type=int, default=0)
    return parser.parse_args()


def expected(args: argparse.Namespace, image: str, ids: list[int]) -> np.ndarray | None:
    """Ids that a network expects, from a label map of class indices."""
    if args.predictions is None:
        return None
    return np.array(ids)[read_mask(args.predictions / f'{image}.png')]


def main() -> None:
    """Simulate and write."""
    args = parse_args()
    ids = args.ids or list(range(len(args.classes)))
    if len(ids) != len(args.classes):
        raise ValueError(f'{len(ids)} ids for {len(args.classes)} classes')
    names = dict(zip(ids, args.classes))
    simulator = ScribbleSimulator(args.min_area, args.length, seed=args.seed)
    out = Collector()
    for image in track_iter_progress(
        list_image_ids(str(args.masks), args.split, args.suffix)
    ):
        mask = read_mask(args.masks / (image + args.suffix))
        out.image(image + args.image_suffix, mask.shape[::-1])
        if args.no_points:
            for label, x, y in simulate_noes(
                mask,
                image,
                ids,
                args.no_points,
                args.seed,
                expected=expected(args, image, ids),
            ):
                out.click(x, y, names[label], negative=True)
            continue
        for label, line in simulator(mask, image):
            if label not in names:
                raise ValueError(f'{args.masks / image}: id {label} has no name')
            out.line(line, names[label])
    found = out.finish(str(args.masks), 'masks')
    lost = write_annotations(args.out, found, args.to)
    print('\n'.join(['', found.report(), *lost]))


if __name__ == '__main__':
    run_tool(main)
