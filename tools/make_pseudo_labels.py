"""Label the images of a click data set with one or several trained networks.

``python tools/make_pseudo_labels.py configs/….py work_dirs/…/iter_600.pth --out labels``

Call it again to go on after an interruption: finished labels stay.
"""

import argparse

from mmengine.config import DictAction

from mmseg_weak.apis import load_config, run_tool
from mmseg_weak.apis.pseudo_labels import PseudoLabelOptions, make_pseudo_labels
from mmseg_weak.evaluation.pseudo_label_quality import format_summary
from mmseg_weak.refinement import LabelRule
from mmseg_weak.refinement.heterogeneous_label import FUSIONS

REFINEMENTS = dict(none=None, par='PixelAdaptiveRefinement', crf='dense_crf')
RESTRICTIONS = dict(none=None, renormalise='renormalise', foreground='foreground')


def parse_args() -> argparse.Namespace:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        'peers',
        nargs='+',
        metavar='CONFIG CHECKPOINT',
        help='networks; the training set of the first config names images and clicks',
    )
    parser.add_argument('--out', required=True, help='folder for the PNGs')
    parser.add_argument('--fusion', choices=FUSIONS, default='mean')
    parser.add_argument('--threshold', type=float, default=0.7, help='least confidence')
    parser.add_argument('--class-restriction', choices=RESTRICTIONS, default='renormalise')
    parser.add_argument(
        '--background-prior', type=float, default=1.0, help='factor on background odds'
    )
    parser.add_argument('--refinement', choices=REFINEMENTS, default='none')
    parser.add_argument(
        '--refinement-options', nargs='+', action=DictAction, default={}, help='key=value'
    )
    parser.add_argument('--scales', nargs='+', type=float, default=[0.75, 1.0, 1.25, 1.5])
    parser.add_argument('--no-flip', dest='flip', action='store_false')
    parser.add_argument('--workers', type=int, default=1, help='processes')
    parser.add_argument('--device', default='cpu', help='such as cuda:0; default cpu')
    parser.add_argument('--masks', help='folder of masks, only to score the labels')
    parser.add_argument(
        '--overwrite', action='store_true', help='replace labels of other settings'
    )
    parser.add_argument(
        '--cfg-options', nargs='+', action=DictAction, help='of the first config, its data'
    )
    return parser.parse_args()


def main() -> None:
    """Label and report."""
    args = parse_args()
    if len(args.peers) % 2:
        raise ValueError(
            f'peers are pairs of config and checkpoint, got {len(args.peers)} names'
        )
    peers = [
        dict(config=config, checkpoint=checkpoint)
        for config, checkpoint in zip(args.peers[::2], args.peers[1::2])
    ]
    refinement = REFINEMENTS[args.refinement]
    options = PseudoLabelOptions(
        out=args.out,
        rule=LabelRule(
            args.fusion,
            args.threshold,
            RESTRICTIONS[args.class_restriction],
            args.background_prior,
        ),
        refinement=refinement and dict(type=refinement, **args.refinement_options),
        scales=args.scales,
        flip=args.flip,
        workers=args.workers,
        device=args.device,
        masks=args.masks,
        overwrite=args.overwrite,
    )
    config = load_config(peers[0]['config'], args.out, args.cfg_options)
    print(format_summary(make_pseudo_labels(config, peers, options)))


if __name__ == '__main__':
    run_tool(main)
