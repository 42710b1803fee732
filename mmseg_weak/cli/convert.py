"""Convert clicks, scribbles, tags or masks between formats of annotation tools.

Without --to, report what a file or folder holds. The formats are listed in
docs/formats.md; the one of SOURCE is told by its content. With --classes, SOURCE may be a
folder of label maps (PNG), such as predictions, to be written for a tool or a training.
"""

import argparse


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the verb."""
    parser.add_argument('source', help='file or folder of annotations, or of masks')
    parser.add_argument('--to', metavar='FORMAT', help='format to write, such as cvat')
    parser.add_argument('--out', metavar='PATH', help='file or folder to write')
    parser.add_argument(
        '--from', dest='format', metavar='FORMAT', help='format of SOURCE (by content)'
    )
    parser.add_argument(
        '--images', metavar='FOLDER', help='the images: for sizes, names and range checks'
    )
    parser.add_argument(
        '--classes',
        nargs='+',
        metavar='NAME',
        help='names of class ids, in order',
    )
    parser.add_argument(
        '--only', nargs='+', metavar='NAME', help='classes that are kept (all)'
    )
    parser.add_argument(
        '--as', dest='as_class', metavar='NAME', help='one class for all that is kept'
    )
    parser.add_argument(
        '--class-key', metavar='KEY', help='attribute, property or column of the class'
    )
    parser.add_argument(
        '--class-name', metavar='NAME', help='class of all marks that have none'
    )
    parser.add_argument('--overwrite', action='store_true', help='replace --out')
    parser.add_argument(
        '--machine-labels', action='store_true', help='take labels set by a machine too'
    )


def run(args: argparse.Namespace) -> None:
    """Convert and print the report."""
    from ..datasets.formats import ReadOptions
    from ..datasets.formats.conversion import convert

    options = ReadOptions(
        format=args.format,
        class_key=args.class_key,
        class_name=args.class_name,
        images=args.images,
        machine_labels=args.machine_labels,
    )
    words = (args.to, args.out, options, args.classes, args.only, args.as_class)
    print(convert(args.source, *words, overwrite=args.overwrite))
