"""Look at photographs and labels, and write a config that trains on them.

    mmseg-weak init photos clicks.csv --out cells

LABELS are clicks or tags in any format that is read (docs/formats.md), a folder of masks of
some photographs, or both: masks of some classes and a file of tags for the rest. Labels
that `annotate` exported or `label` made are trained on as they are. Nothing is overwritten
without --overwrite.
"""

import argparse

from ._arguments import let_words_follow_options


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of the verb."""
    parser.add_argument('photos', help='folder of photographs, with sub-folders')
    parser.add_argument(
        'labels',
        nargs='*',
        default=[],
        help='clicks, tags, a folder of masks, or masks and tags',
    )
    parser.add_argument('--out', default='project', help='folder for the config (project)')
    parser.add_argument(
        '--classes',
        nargs='+',
        metavar='NAME',
        help='names of the classes in the order of their numbers',
    )
    parser.add_argument(
        '--long-side', type=int, help='pixels to which photographs are brought'
    )
    parser.add_argument(
        '--budget',
        choices=('trial', 'quick', 'full'),
        help='100, 600 or 1500 iterations a training (quick; full on a GPU)',
    )
    parser.add_argument(
        '--backbone',
        metavar='NAME_OR_FOLDER',
        help='model of transformers, such as facebook/dinov2-small (EfficientNet-Lite0)',
    )
    parser.add_argument('--overwrite', action='store_true', help='replace the config')
    let_words_follow_options(parser, 'labels')


def run(args: argparse.Namespace) -> None:
    """Look, write, say."""
    from ..project import init

    lines = init(
        args.photos,
        args.labels,
        args.out,
        args.classes,
        args.long_side,
        args.budget,
        args.overwrite,
        args.backbone,
    )
    print(*lines, sep='\n')
