"""Show what each background score makes of stored activation maps.

    python tools/sweep_threshold.py configs/sub_category/cam_….py CAMS [--masks MASKS]

CAMS is a folder of ``tools/make_pseudo_labels.py --cams``. The rows ``li`` and ``otsu`` are
chosen without ground truth; a row that is chosen by its mIoU is tuned on the masks.
"""

import argparse

from mmengine.config import Config

from mmseg_weak._files import write_json
from mmseg_weak.apis import run_tool
from mmseg_weak.apis.cfg_options import MergedDictAction
from mmseg_weak.apis.threshold_sweep import format_sweep, sweep_thresholds


def main() -> None:
    """Sweep and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('config', help='its training set names the images')
    parser.add_argument('cams', help='folder of stored maps')
    parser.add_argument('--masks', help='folder of masks to score with')
    parser.add_argument('--thresholds', nargs='+', type=float, help='default 0.05 to 0.8')
    parser.add_argument('--out', help='JSON file for the rows')
    parser.add_argument('--cfg-options', nargs='+', action=MergedDictAction)
    args = parser.parse_args()
    config = Config.fromfile(args.config)
    if args.cfg_options:
        config.merge_from_dict(args.cfg_options)
    rows = sweep_thresholds(config, args.cams, args.masks, args.thresholds)
    if args.out:
        write_json(args.out, rows)
    print(format_sweep(rows))


if __name__ == '__main__':
    run_tool(main)
