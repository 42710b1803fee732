"""Break the files that users give and read them: only clear errors may come.

    python tests/fuzz/fuzz.py --inputs 1000000 --seed 0 --log fuzz.txt

writes the counts of every reader along the way. `--show NUMBER` tells what becomes of one
input, `--keep FILE` writes it. The suite runs a short one.
"""

import argparse
import os
import shutil
import sys
import tempfile
from pathlib import Path

import cv2
import image_targets
import label_targets
import state_targets
import torch
from harness import OUTCOMES, Fuzzer, fuzz

import mmseg_weak

TARGETS = [*label_targets.TARGETS, *image_targets.TARGETS, *state_targets.TARGETS]


def table(counts: dict, failures: list, seconds: float) -> str:
    """Markdown table of the counts, and the failures below."""
    lines = [f'| reader | {" | ".join(OUTCOMES)} |', '|---' * (len(OUTCOMES) + 1) + '|']
    total = [sum(count[o] for count in counts.values()) for o in OUTCOMES]
    rows = [[name, *(count[o] for o in OUTCOMES)] for name, count in counts.items()]
    for row in [*rows, ['all', *total]]:
        lines.append(f'| {" | ".join(map(str, row))} |')
    lines.append(f'\n{sum(total)} inputs in {seconds:.0f} s')
    lines += [f'{number} {outcome}: {message}' for number, outcome, message in failures]
    return '\n'.join(lines) + '\n'


def main() -> None:
    """Fuzz and print the counts."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--inputs', type=int, default=10_000)
    parser.add_argument('--first', type=int, default=0, help='number of the first input')
    parser.add_argument('--seed', type=int, default=0)
    parser.add_argument('--only', default='', help='readers whose name holds this')
    parser.add_argument('--log', type=Path, default=None)
    parser.add_argument('--show', type=int, default=None)
    parser.add_argument('--keep', type=Path, default=None)
    args = parser.parse_args()
    mmseg_weak.register()
    root = '/dev/shm' if os.path.isdir('/dev/shm') else None
    folder = Path(tempfile.mkdtemp(dir=root))
    targets = [t for t in TARGETS if args.only in t.name]
    fuzzer = Fuzzer(targets, args.seed, folder / 'fuzz')
    try:
        if args.show is not None:
            if args.keep:
                args.keep.write_bytes(fuzzer.content(args.show))
            target = fuzzer.target(args.show)
            print(target.name, *fuzzer.outcome(args.show), sep='\n')
            return

        def told(counts, failures, seconds):
            if args.log:
                args.log.write_text(table(counts, failures, seconds))

        # A child that is forked must find no threads that were not forked with it.
        torch.set_num_threads(1)
        cv2.setNumThreads(1)
        start = os.times().elapsed
        fuzzer.warm()
        counts, failures = fuzz(fuzzer, args.inputs, told=told, first=args.first)
        print(table(counts, failures, os.times().elapsed - start))
        sys.exit(1 if failures else 0)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == '__main__':
    main()
