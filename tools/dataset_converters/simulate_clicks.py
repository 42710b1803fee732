"""Make seeded clicks from dense masks.

One interior click per object, clicks on the background and errors are options::

    python tools/dataset_converters/simulate_clicks.py masks/ 21 clicks.json \
        --split train.txt --background-out background.json --background-clicks 3

A class is written as its id in the masks, 0 being background unless ``--background``
says another.
"""

import argparse
from functools import partial
from pathlib import Path

import numpy as np
from mmengine.utils import track_parallel_progress, track_progress

from mmseg_weak.apis import run_tool
from mmseg_weak.datasets.click_formats import write_clicks
from mmseg_weak.datasets.click_simulation import ClickSimulator
from mmseg_weak.datasets.image_files import list_image_ids
from mmseg_weak.datasets.image_open import open_image
from mmseg_weak.datasets.mask_files import read_mask


def parse_args() -> argparse.Namespace:
    """Command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('masks', type=Path, help='folder of masks (palette or grey PNG)')
    parser.add_argument('num_classes', type=int, help='classes including background')
    parser.add_argument('out', type=Path, help='click file, .json or .csv')
    parser.add_argument('--split', default='', help='list of image ids; default all masks')
    parser.add_argument('--suffix', default='.png', help='end of the mask names')
    parser.add_argument('--images', type=Path, help='image folder, to compare sizes')
    parser.add_argument('--image-suffix', default='.jpg', help='end of the image names')
    parser.add_argument('--clicks-per-object', type=int, default=1)
    parser.add_argument('--min-area', type=int, default=16, help='of an object, in pixels')
    parser.add_argument(
        '--interior', type=float, default=2.0, help='pull to the middle, 0 is uniform'
    )
    parser.add_argument('--background-clicks', type=int, default=0, help='in each image')
    parser.add_argument('--background-out', type=Path, help='file of background clicks')
    parser.add_argument(
        '--wrong-class', type=float, default=0.0, help='share of clicks with another class'
    )
    parser.add_argument(
        '--displaced', type=float, default=0.0, help='share of clicks that slip off'
    )
    parser.add_argument(
        '--background',
        type=lambda text: None if text == 'none' else int(text),
        default=0,
        help="id of the background class, or 'none' when every class is one of things",
    )
    parser.add_argument('--ignore-index', type=int, default=255)
    parser.add_argument('--seed', type=int, default=0)
    parser.add_argument('--workers', type=int, default=1, help='processes')
    return parser.parse_args()


def check_size(shape: tuple[int, int], mask: Path, image: Path) -> None:
    """Compare a mask with its image.

    Raises:
        FileNotFoundError: There is no image.
        ValueError: The sizes differ.
    """
    if not image.is_file():
        raise FileNotFoundError(f'image of the mask {mask} not found: {image}')
    with open_image(image) as opened:
        width, height = opened.size
    if (height, width) != shape:
        raise ValueError(
            f'{mask} is {shape[1]}x{shape[0]} but {image} is {width}x{height} pixels'
        )


def click_image(
    image: str, simulator: ClickSimulator, args: argparse.Namespace
) -> tuple[list[dict], list[dict]]:
    """Clicks on the objects and on the background of one image."""
    path = args.masks / (image + args.suffix)
    mask = read_mask(path)
    if args.images:
        check_size(mask.shape, path, args.images / (image + args.image_suffix))
    try:
        return simulator(mask, image), simulator.background_of(mask, image)
    except ValueError as error:
        raise ValueError(f'{path}: {error}') from None


def require_clicks(args: argparse.Namespace, objects: dict[str, list[dict]]) -> None:
    """Nothing to click on is a mistake about what the values of the masks mean.

    Raises:
        ValueError: No image has an object.
    """
    if any(objects.values()):
        return
    ids = set(
        np.unique(read_mask(args.masks / (next(iter(objects)) + args.suffix))).tolist()
    )
    raise ValueError(
        f'{args.masks}: no object in {len(objects)} masks, the first holds the ids '
        f'{", ".join(map(str, sorted(ids)))}: {args.ignore_index} means unknown, '
        f'{args.background} background, and objects have at least {args.min_area} '
        'pixels. In masks of 0 and 255 write 1 for 255'
    )


def main() -> None:
    """Simulate and write."""
    args = parse_args()
    if bool(args.background_clicks) != bool(args.background_out):
        raise ValueError('--background-clicks and --background-out go together')
    if not args.masks.is_dir():
        raise FileNotFoundError(f'mask folder not found: {args.masks}')
    names = ('num_classes', 'clicks_per_object', 'background_clicks', 'min_area')
    names += ('interior', 'wrong_class', 'displaced', 'background', 'ignore_index', 'seed')
    simulator = ClickSimulator(**{name: getattr(args, name) for name in names})
    images = list_image_ids(str(args.masks), args.split, args.suffix)
    work = partial(click_image, simulator=simulator, args=args)
    if args.workers > 1:
        clicked = track_parallel_progress(work, images, args.workers, chunksize=16)
    else:
        clicked = track_progress(work, images)
    objects = {image: found for image, (found, _) in zip(images, clicked)}
    background = {image: found for image, (_, found) in zip(images, clicked)}
    require_clicks(args, objects)
    write_clicks(args.out, objects)
    if args.background_out:
        write_clicks(args.background_out, background)
    print(
        f'\n{sum(map(len, objects.values()))} object clicks and '
        f'{sum(map(len, background.values()))} background clicks on {len(images)} images, '
        f'{sum(not found for found in objects.values())} without an object'
    )


if __name__ == '__main__':
    run_tool(main)
