"""Command-line options of the road through an affinity network."""

import argparse
import hashlib
from dataclasses import fields, replace
from pathlib import Path

from ..refinement.affinity_label import AffinityLabelRule
from ..refinement.cam_label import CamLabelRule

# Power of the background score that the walk starts from, as published.
WALK_POWER = 16.0


def add_affinity_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options, in a group of their own."""
    group = parser.add_argument_group('affinity network')
    group.add_argument(
        '--affinity-labels',
        nargs=2,
        type=float,
        metavar=('LOW', 'HIGH'),
        help='labels to train it with: classes and background that are sure at two powers '
        'of the background score, published 4 32; take --refinement crf',
    )
    group.add_argument(
        '--affinity-walk',
        nargs=2,
        metavar=('CONFIG', 'CHECKPOINT'),
        help='walk along the affinities of a trained one, before the refinement; '
        f'--background-power is {WALK_POWER:g} then, unless given',
    )


def affinity_rule(args: argparse.Namespace, rule: CamLabelRule) -> CamLabelRule:
    """Change a rule as the options say.

    Args:
        args (Namespace): With the options of :func:`add_affinity_arguments`.
        rule (CamLabelRule): What the other options say.

    Returns:
        CamLabelRule: The rule, or another.

    Raises:
        FileNotFoundError: A file of the network does not exist.
        ValueError: Both options are given, or the powers are out of range.
    """
    if args.affinity_labels and args.affinity_walk:
        raise ValueError(
            'an affinity network is trained on --affinity-labels before --affinity-walk '
            'can use it; give one of both'
        )
    if args.affinity_labels:
        low, high = args.affinity_labels
        values = {field.name: getattr(rule, field.name) for field in fields(rule)}
        values.update(background_power=low, high_power=high)
        return AffinityLabelRule(**values)
    if args.affinity_walk:
        config, checkpoint = args.affinity_walk
        step = dict(type='affinity_walk', config=config, checkpoint=checkpoint)
        if Path(checkpoint).is_file():
            # Part of what labels depend on: new weights under an old name are noticed.
            step['digest'] = hashlib.sha256(Path(checkpoint).read_bytes()).hexdigest()
        power = rule.background_power or WALK_POWER
        return replace(rule, steps=(step, *rule.steps), background_power=power)
    return rule
