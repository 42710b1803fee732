"""Which options of ``tools/make_pseudo_labels.py`` act on which kind of labels."""

import argparse
from collections.abc import Collection

CLICKS = ('fusion', 'class_restriction', 'background_prior')
MAPS = (
    *('background_score', 'background_power', 'walk', 'boundary', 'cams'),
    *('affinity_labels', 'affinity_walk'),
)
REFINEMENT = ('refinement', 'refinement_options', 'threshold')
TRANSFER = ('transfer_method', 'diffusion', 'cam_threshold', 'data', 'panels')
IGNORED = {
    'labels of activation maps': (*CLICKS, *TRANSFER),
    'labels of segmenters': (*MAPS, *TRANSFER),
    'label transfer': (*CLICKS, *MAPS, *REFINEMENT),
}
AFFINITY_LABELS_SET = ('threshold', 'background_score', 'background_power')


def given_options(parser: argparse.ArgumentParser, args: argparse.Namespace) -> set[str]:
    """Names of the options that differ from their defaults."""
    return {name for name, value in vars(args).items() if value != parser.get_default(name)}


def check_options(given: Collection[str], kind: str, refinement: str) -> None:
    """Refuse options that would be ignored.

    Args:
        given (Collection[str]): See :func:`given_options`.
        kind (str): A key of ``IGNORED``.
        refinement (str): ``none``, ``crf`` or ``par``.

    Raises:
        ValueError: An option has no effect on these labels, or none beside another one.
    """
    given = set(given)
    for name in IGNORED[kind]:
        if name in given:
            raise ValueError(f'{_flag(name)} has no effect on {kind}')
    if refinement == 'none' and 'refinement_options' in given:
        raise ValueError('--refinement-options without --refinement par or crf')
    if 'boundary' in given and 'walk' not in given:
        raise ValueError('--boundary is that of --walk, which is not given')
    if {'background_score', 'background_power'} <= given:
        raise ValueError('give --background-score or --background-power, not both')
    if {'background_score', 'affinity_walk'} <= given:
        raise ValueError(
            '--background-score has no effect with --affinity-walk, which starts from '
            '--background-power'
        )
    if 'affinity_labels' in given:
        for name in AFFINITY_LABELS_SET:
            if name in given:
                raise ValueError(
                    f'{_flag(name)} has no effect on --affinity-labels, whose two powers '
                    'say what is sure'
                )


def _flag(name: str) -> str:
    return f'--{name.replace("_", "-")}'
