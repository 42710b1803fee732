"""Click on photographs in a browser and see the masks at once.

``mmseg-weak annotate PHOTOS --classes background cat dog``

Opens a page of this machine only; every click is kept, so end it whenever you like and
call it again.
"""

import argparse

FIRST = 'loading the network …'


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Command line."""
    parser.add_argument('photos', help='folder of photographs')
    parser.add_argument(
        '--classes', nargs='+', default=[], help='names; more can be added on the page'
    )
    parser.add_argument(
        '--work-dir', help='for clicks and features; default PHOTOS/.mmseg_weak'
    )
    parser.add_argument(
        '--export', metavar='FOLDER', help='of exports; default PHOTOS_export'
    )
    parser.add_argument('--port', type=int, default=0, help='default any free one')
    parser.add_argument(
        '--network',
        nargs=2,
        metavar=('CONFIG', 'CHECKPOINT'),
        help='features of a trained network in place of EfficientNet-Lite0',
    )
    parser.add_argument('--device', default='cpu', help='such as cuda:0; default cpu')
    parser.add_argument(
        '--no-browser', dest='browser', action='store_false', help='print the address only'
    )


def run(args: argparse.Namespace) -> None:
    """Serve the page until interrupted."""
    from ..live.serve import serve

    serve(
        args.photos,
        args.classes,
        work_dir=args.work_dir,
        port=args.port,
        network=args.network,
        device=args.device,
        browser=args.browser,
        export=args.export,
    )
