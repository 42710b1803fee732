"""Label the images of a data set of clicks or tags with one or several trained networks.

``python tools/make_pseudo_labels.py configs/….py work_dirs/…/iter_600.pth --out labels``

Labels of weak classes from a tag classifier and a foreground network that learnt from
masks of strong classes:

``python tools/make_pseudo_labels.py CAM_CONFIG CAM_CHECKPOINT --label-transfer
LNET_CONFIG LNET_CHECKPOINT --out labels``

A ``CAMSegmentor`` labels tagged images by its activation maps:

``python tools/make_pseudo_labels.py configs/sub_category/cam_….py iter_600.pth --out labels
--refinement crf``

Call it again to go on after an interruption: finished labels stay.
"""

import argparse

from mmseg_weak.apis import load_config, run_tool
from mmseg_weak.apis.affinity_label_options import (
    add_affinity_arguments,
    affinity_rule,
)
from mmseg_weak.apis.cam_label_options import add_cam_arguments, cam_rule
from mmseg_weak.apis.cfg_options import MergedDictAction
from mmseg_weak.apis.label_options import check_options, given_options
from mmseg_weak.apis.network_labels import SCALES
from mmseg_weak.apis.pseudo_labels import (
    PseudoLabelOptions,
    is_cam,
    make_pseudo_labels,
)
from mmseg_weak.apis.transfer_label_options import (
    add_transfer_arguments,
    label_by_transfer,
)
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
    parser.add_argument(
        '--threshold',
        type=float,
        help='least confidence of a label (default 0.7; 0 for activation maps)',
    )
    parser.add_argument('--class-restriction', choices=RESTRICTIONS, default='renormalise')
    parser.add_argument(
        '--background-prior', type=float, default=1.0, help='factor on background odds'
    )
    parser.add_argument('--refinement', choices=REFINEMENTS, default='none')
    parser.add_argument(
        '--refinement-options',
        nargs='+',
        action=MergedDictAction,
        default={},
        help='key=value',
    )
    parser.add_argument(
        '--scales',
        nargs='+',
        type=float,
        help='default 0.75 1 1.25 1.5; for activation maps 1 0.5 1.5 2',
    )
    parser.add_argument('--no-flip', dest='flip', action='store_false')
    parser.add_argument('--workers', type=int, default=1, help='processes')
    parser.add_argument('--device', default='cpu', help='such as cuda:0; default cpu')
    parser.add_argument('--masks', help='folder of masks, only to score the labels')
    parser.add_argument(
        '--overwrite',
        action='store_true',
        help='remove the PNGs in --out if they were made with other settings',
    )
    parser.add_argument(
        '--cfg-options',
        nargs='+',
        action=MergedDictAction,
        help='of the first config, its data',
    )
    add_cam_arguments(parser)
    add_affinity_arguments(parser)
    add_transfer_arguments(parser)
    args = parser.parse_args()
    args.given = given_options(parser, args)
    return args


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
    if any(key.split('.')[0] == 'model' for key in args.cfg_options or ()):
        raise ValueError(
            '--cfg-options change the data; what the networks are is in their config files'
        )
    if args.label_transfer:
        check_options(args.given, 'label transfer', args.refinement)
        args.scales = args.scales or list(SCALES)
        print(format_summary(label_by_transfer(args, peers)))
        return
    kind = 'activation maps' if is_cam(peers) else 'segmenters'
    check_options(args.given, f'labels of {kind}', args.refinement)
    refinement = REFINEMENTS[args.refinement]
    options = PseudoLabelOptions(
        out=args.out,
        rule=LabelRule(
            args.fusion,
            0.7 if args.threshold is None else args.threshold,
            RESTRICTIONS[args.class_restriction],
            args.background_prior,
        ),
        cam_rule=affinity_rule(args, cam_rule(args)),
        cams=args.cams,
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
