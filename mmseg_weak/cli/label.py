"""Label the images of a training set with trained networks.

    mmseg-weak label CONFIG CHECKPOINT --out labels

The training set of the first config names the images, and what is known of them: clicks,
tags, or nothing. The options depend on the labeller. Any segmentors label by their
probabilities (SegmentorLabeller), a CAMSegmentor by its activation maps (CAMLabeller):

    mmseg-weak label CAM_CONFIG CAM_CHECKPOINT --out labels --refinement crf

Labels of weak classes come from a tag classifier and a foreground network that learnt from
masks of strong classes (TransferLabeller):

    mmseg-weak label CAM_CONFIG CAM_CHECKPOINT --label-transfer LNET_CONFIG LNET_CHECKPOINT
        --out labels

Masks of clicked objects come from SAM or SAM 2 (PromptableLabeller), with or without peers:

    mmseg-weak label --data CONFIG --model facebook/sam2.1-hiera-tiny --out labels

Labels of clicks that wait for no training come from a classifier of frozen features, the
live model of the page (FeatureLabeller), with or without peers:

    mmseg-weak label --data CONFIG --labeller features --out labels

It learns from labels that err as well, such as those of activation maps:

    mmseg-weak label --data CONFIG --labeller features --learn-from MAPS --out labels

Call it again to go on after an interruption: finished labels stay. Under torchrun the ranks
share the images.
"""

import argparse
import sys

from ._arguments import add_cfg_options


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Take all words as they are: the networks decide which options there are."""
    parser.parse_known_args = lambda words=None, _=None: (
        argparse.Namespace(parser=parser, words=sys.argv[1:] if words is None else words),
        [],
    )


def run(args: argparse.Namespace) -> None:
    """Label and report.

    Raises:
        FileNotFoundError: A file is absent.
        ValueError: An option belongs to another labeller, or see
            :func:`~mmseg_weak.labelling.make_labels`.
    """
    from mmengine.dist import is_main_process

    from ..apis import load_config
    from ..evaluation.pseudo_label_quality import format_summary
    from ..labelling import make_labels

    labeller, args = parse_words(args.parser, args.words)
    config = load_config(args.data or labeller.data, args.out, args.cfg_options)
    names = ('out', 'workers', 'device', 'masks', 'overwrite')
    report = make_labels(config, labeller, **{name: getattr(args, name) for name in names})
    if is_main_process():
        print(format_summary(report))


def parse_words(parser: argparse.ArgumentParser, words: list[str]) -> tuple:
    """Read a command line with the options of its labeller.

    Args:
        parser (ArgumentParser): Of :func:`add_arguments`; gets the options.
        words (list[str]): The command line.

    Returns:
        tuple[Labeller, Namespace]: The labeller, and the options that are not its own.

    Raises:
        FileNotFoundError, ValueError: See :func:`run`.
    """
    from ..labelling import flags

    del parser.parse_known_args
    # Flags of all labellers tell what is a value and what a network.
    every = argparse.ArgumentParser(parser.prog, add_help=False, conflict_handler='resolve')
    for one in (parser, every):
        _add_job_arguments(one)
    if {'-h', '--help'} & set(words):
        flags.print_help(parser)
    kind, options = flags.find_labeller(every, words)
    flags.add_flags(parser, kind)
    args, others = parser.parse_known_args(words)
    flags.refuse_foreign([word for word in others if word.startswith('-')], kind)
    if any(key.split('.')[0] == 'model' for key in args.cfg_options or ()):
        raise ValueError(
            '--cfg-options change the data; what the networks are is in their config files'
        )
    names = {option.name for option in flags.options_of(kind)}
    options.update({key: value for key, value in vars(args).items() if key in names})
    return kind(**options), args


def _add_job_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of all labellers; the words that are left are networks."""
    parser.usage = '%(prog)s [CONFIG CHECKPOINT ...] --out OUT [options]'
    parser.add_argument('--out', required=True, help='folder for the PNGs')
    parser.add_argument(
        '--labeller', help='name, or Python file with labeller = dict(type=..., ...)'
    )
    parser.add_argument(
        '--data', metavar='CONFIG', help='its training set is labelled, not that of a peer'
    )
    parser.add_argument('--workers', type=int, default=1, help='processes')
    parser.add_argument('--device', default='cpu', help='such as cuda:0; default cpu')
    parser.add_argument('--masks', help='folder of masks, only to score the labels')
    parser.add_argument(
        '--overwrite',
        action='store_true',
        help='remove the PNGs in --out if they were made with other settings',
    )
    add_cfg_options(parser, 'of the config whose images are labelled, its data')
