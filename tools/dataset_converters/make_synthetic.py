"""Make the synthetic data set, which needs no download: images, masks and clicks.

``python tools/dataset_converters/make_synthetic.py``
"""

import argparse
from dataclasses import fields

from mmseg_weak.apis import run_tool
from mmseg_weak.datasets.synthetic import SyntheticSpec, make_synthetic


def parse_args() -> argparse.Namespace:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--out', default='work_dirs/data/synthetic', help='folder to write')
    for field in fields(SyntheticSpec):
        parser.add_argument(
            f'--{field.name.replace("_", "-")}',
            type=int,
            default=field.default,
            help=f'default {field.default}',
        )
    return parser.parse_args()


def main() -> None:
    """Make the set."""
    options = vars(parse_args())
    out = options.pop('out')
    made = make_synthetic(out, SyntheticSpec(**options))
    print(f'{out}: {"made" if made else "already there"}')


if __name__ == '__main__':
    run_tool(main)
