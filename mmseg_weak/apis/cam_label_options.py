"""Command-line options of labels from activation maps."""

import argparse

from ..refinement.cam_label import CamLabelRule

STEPS = dict(crf='dense_crf', par='PixelAdaptiveRefinement', walk='random_walk')


def add_cam_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options, in a group of their own."""
    group = parser.add_argument_group('activation maps of a CAMSegmentor')
    group.add_argument(
        '--background-score',
        type=_score,
        default='li',
        help='constant in [0, 1], or li or otsu: chosen from the activations (default li)',
    )
    group.add_argument(
        '--background-power',
        type=float,
        help='background is 1 - the strongest class, to this power, instead of a constant',
    )
    group.add_argument(
        '--walk',
        action='store_true',
        help='random walk to the boundaries of the image after the refinement',
    )
    group.add_argument(
        '--boundary',
        default='gradient',
        help='of the walk: gradient, or a folder of {img_id}.npy maps in [0, 1]',
    )
    group.add_argument(
        '--cams', help='folder to store the maps in, at stride 4 and half precision'
    )


def cam_rule(args: argparse.Namespace) -> CamLabelRule:
    """The rule that the options stand for.

    Raises:
        ValueError: One is out of its range.
    """
    steps = []
    if args.refinement != 'none':
        steps.append(dict(type=STEPS[args.refinement], **args.refinement_options))
    if args.walk:
        steps.append(dict(type=STEPS['walk'], boundary=args.boundary))
    return CamLabelRule(
        background_score=args.background_score,
        background_power=args.background_power,
        steps=tuple(steps),
        threshold=args.threshold or 0.0,
    )


def _score(text: str) -> float | str:
    try:
        return float(text)
    except ValueError:
        return text
