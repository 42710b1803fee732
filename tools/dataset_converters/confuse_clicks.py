"""Give a share of the clicks of a file a wrong class, to see what errors cost.

::

    python tools/dataset_converters/confuse_clicks.py points/main.json points/wrong30.json \
        --classes 8 10 12 13 15 17 --share 0.3

The classes are ids, as in the file; clicks of others stay as they are. Coordinates are
written to a thousandth of a pixel.
"""

import argparse
from pathlib import Path

import numpy as np

from mmseg_weak.apis import run_tool
from mmseg_weak.datasets.class_resolver import as_integer
from mmseg_weak.datasets.click_formats import read_clicks, write_clicks
from mmseg_weak.datasets.click_simulation import confuse_classes


def parse_args() -> argparse.Namespace:
    """Command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('clicks', help='click file, JSON or CSV')
    parser.add_argument('out', help='click file to write, .json or .csv')
    parser.add_argument(
        '--classes', type=int, nargs='+', required=True, help='ids that are mixed up'
    )
    parser.add_argument('--share', type=float, required=True, help='of the clicks, 0 to 1')
    parser.add_argument('--seed', type=int, default=0)
    return parser.parse_args()


def class_id(entry: object) -> int:
    """The class of a click, which has to be an id.

    Raises:
        ValueError: It is a name.
    """
    label = as_integer(entry)
    if label is None:
        raise ValueError(f'class {entry!r} is no id; classes are mixed up by id')
    return label


def main() -> None:
    """Read, mix up, write."""
    args = parse_args()
    if Path(args.out).resolve() == Path(args.clicks).resolve():
        raise ValueError(f'{args.out}: write to another file, these clicks are real')
    clicks = read_clicks(args.clicks, class_id)
    mixed = np.isin(clicks.label, args.classes)
    if not mixed.any():
        raise ValueError(f'{args.clicks}: no click on the classes {args.classes}')
    confused = confuse_classes(clicks, args.classes, args.share, args.seed)
    entries: dict[str, list[dict]] = {}
    for image, (x, y), label, rank in zip(
        confused.image,
        confused.xy.tolist(),
        confused.label.tolist(),
        confused.rank.tolist(),
    ):
        click = dict(x=round(x, 3), y=round(y, 3), cls=label)
        entries.setdefault(image, []).append(dict(click, rank=rank) if rank else click)
    write_clicks(args.out, entries)
    wrong = int((confused.label != clicks.label).sum())
    print(f'{wrong} of {mixed.sum()} clicks on these classes are wrong now: {args.out}')


if __name__ == '__main__':
    run_tool(main)
