"""Make masks of a folder of new photographs.

    mmseg-weak predict cells/config.py cells/training photos --out masks

Photographs are brought to the scale of the training, so they may have any size, and masks
come back in the size of the photograph. The same command resumes after an interruption.
"""

import argparse


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of the verb."""
    parser.add_argument('config', help='config of the training')
    parser.add_argument('checkpoint', help='its checkpoint, or the folder of the training')
    parser.add_argument('photos', help='folder of photographs, or one photograph')
    parser.add_argument('--out', required=True, help='folder for masks and overlays')
    parser.add_argument('--no-overlays', action='store_true', help='masks alone')
    parser.add_argument('--no-areas', action='store_true', help='without areas.csv')
    parser.add_argument(
        '--to', metavar='FORMAT', help='also write masks for a tool, such as cvat or coco'
    )
    parser.add_argument('--batch-size', type=int, default=1, help='photographs at once')
    parser.add_argument('--workers', type=int, default=2, help='processes that load')
    parser.add_argument('--overwrite', action='store_true', help='make all masks anew')
    parser.add_argument('--device', help='such as cpu or cuda:0')


def run(args: argparse.Namespace) -> None:
    """Predict and say what was made."""
    from ..apis.prediction import predict

    broken = predict(
        args.config,
        args.checkpoint,
        args.photos,
        args.out,
        overlays=not args.no_overlays,
        areas=not args.no_areas,
        batch_size=args.batch_size,
        workers=args.workers,
        overwrite=args.overwrite,
        device=args.device,
        to=args.to,
    )
    for line in broken:
        print(f'left out: {line}')
    print(f'masks: {args.out}')
