"""Command-line options of label transfer for ``tools/make_pseudo_labels.py``."""

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import fields

from ..refinement import DiffusionOptions
from .cfg_options import MergedDictAction
from .launch import load_config
from .transfer_label_maker import METHODS
from .transfer_labels import TransferLabelOptions, make_transfer_labels


def add_transfer_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options; without ``--label-transfer`` none has an effect."""
    group = parser.add_argument_group(
        'label transfer', 'strong and weak classes; the peer is the tag classifier'
    )
    group.add_argument(
        '--label-transfer',
        nargs=2,
        metavar=('CONFIG', 'CHECKPOINT'),
        help='the foreground network',
    )
    group.add_argument(
        '--data', metavar='CONFIG', help='weak images; defaults to its config'
    )
    group.add_argument('--transfer-method', choices=METHODS, default='diffusion')
    group.add_argument(
        '--diffusion',
        nargs='+',
        action=MergedDictAction,
        default={},
        metavar='KEY=VALUE',
        help=f'out of {", ".join(field.name for field in fields(DiffusionOptions))}',
    )
    group.add_argument(
        '--cam-threshold', type=float, default=0.3, help='background below it (cam)'
    )
    group.add_argument('--panels', type=int, default=0, help='images in panels.html')


def label_by_transfer(args: argparse.Namespace, peers: Sequence[Mapping]) -> dict:
    """Make the labels that the command line asks for.

    Args:
        args (Namespace): Parsed options of the tool.
        peers (Sequence[dict]): Config and checkpoint of the tag classifier, one entry.

    Returns:
        dict: The report.

    Raises:
        ValueError: There is not one peer, or a diffusion option is unknown.
    """
    if len(peers) != 1:
        raise ValueError(
            f'label transfer takes one tag classifier, got {len(peers)} networks'
        )
    known = {field.name for field in fields(DiffusionOptions)}
    unknown = set(args.diffusion) - known
    if unknown:
        raise ValueError(
            f'--diffusion: unknown {", ".join(sorted(unknown))}; there are '
            f'{", ".join(sorted(known))}'
        )
    options = TransferLabelOptions(
        out=args.out,
        method=args.transfer_method,
        diffusion=DiffusionOptions(**args.diffusion),
        cam_threshold=args.cam_threshold,
        scales=args.scales,
        flip=args.flip,
        workers=args.workers,
        device=args.device,
        masks=args.masks,
        panels=args.panels,
        overwrite=args.overwrite,
    )
    names = dict(zip(('config', 'checkpoint'), args.label_transfer))
    data = load_config(args.data or names['config'], args.out, args.cfg_options)
    return make_transfer_labels(data, names, peers[0], options)
