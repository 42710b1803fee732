"""Break exports at random and read them: only clear errors may come.

    python tests/datasets/formats/fuzz.py --inputs 1000000 --seed 0

prints the counts of each format. The suite runs a short one.
"""

import argparse
import json
import random
import shutil
import tempfile
import time
from collections import Counter
from pathlib import Path

from golden import GOLDEN, picture

from mmseg_weak.datasets.formats import ReadOptions, read_annotations

VALUES = (
    None,
    True,
    -1,
    0,
    2**64,
    10**400,
    1e308,
    float('nan'),
    float('inf'),
    '',
    'x',
    'a\\b',
    '../a.jpg',
    [],
    {},
    [[]],
    [1, 2, 3],
    {'x': 1},
)
BYTES = (
    b'"',
    b'\n',
    b',',
    b';',
    b'\t',
    b'<',
    b'>',
    b'{',
    b']',
    b'\0',
    b'\xff',
    b'&x;',
    b'9' * 30,
)


def places(value, path=()):
    """Paths of all values inside JSON."""
    yield path
    items = value.items() if isinstance(value, dict) else ()
    items = enumerate(value) if isinstance(value, list) else items
    for key, item in items:
        yield from places(item, (*path, key))


def break_json(text: str, draw: random.Random) -> bytes:
    """Change, remove or repeat a value."""
    content = json.loads(text)
    path = draw.choice(list(places(content))[1:])
    parent = content
    for key in path[:-1]:
        parent = parent[key]
    how = draw.randrange(4)
    if how == 0:
        del parent[path[-1]]
    elif how == 1 and isinstance(parent, list):
        parent.insert(path[-1], parent[path[-1]])
    elif how == 2 and isinstance(parent, dict):
        parent[draw.choice(('x', 'type', 'id', 'label'))] = parent.pop(path[-1])
    else:
        parent[path[-1]] = draw.choice(VALUES)
    return json.dumps(content).encode()


def break_bytes(data: bytes, draw: random.Random) -> bytes:
    """Cut, insert, swap or repeat bytes."""
    at, end = sorted(draw.randrange(len(data) + 1) for _ in range(2))
    how = draw.randrange(5)
    if how == 0:
        return data[:at]
    if how == 1:
        return data[:at] + draw.choice(BYTES) + data[at:]
    if how == 2:
        return data[:at] + data[end:]
    if how == 3:
        return data[:at] + bytes([draw.randrange(256)]) + data[at + 1 :]
    return data[:end] + data[at:]


def fuzz(inputs: int, seed: int, formats=tuple(GOLDEN)) -> dict[str, Counter]:
    """Read broken exports of each format in turn.

    Args:
        inputs (int): How many.
        seed (int): Of the draws.
        formats (Sequence[str]): Names of golden exports.

    Returns:
        dict[str, Counter]: Per format how many were read, and how many refused.

    Raises:
        AssertionError: An input ended otherwise than in one clear line; the message shows
            it.
    """
    draw, counts = random.Random(seed), {name: Counter() for name in formats}
    folder = Path(tempfile.mkdtemp())
    for name, size in {'a.jpg': (40, 20), 'b.jpg': (30, 10)}.items():
        (folder / name).write_bytes(picture(*size))
    contents = {name: _bytes(name) for name in formats}
    path = folder / 'export'
    for number in range(inputs):
        name = formats[number % len(formats)]
        data = contents[name]
        as_json = data[:1] in b'{[' and draw.random() < 0.7
        data = break_json(data.decode(), draw) if as_json else break_bytes(data, draw)
        path.write_bytes(data)
        options = ReadOptions(**{'images': str(folder), **GOLDEN[name].options})
        forced = name if draw.random() < 0.5 else None
        wanted = 'clicks' if GOLDEN[name].clicks else 'tags'
        counts[name][_outcome(path, forced, options, wanted, data)] += 1
    shutil.rmtree(folder)
    return counts


def _bytes(name: str) -> bytes:
    content = next(iter(GOLDEN[name].files.values()))
    if isinstance(content, bytes):
        return content
    return (content if isinstance(content, str) else json.dumps(content)).encode()


def _outcome(path, forced, options, wanted, data) -> str:
    try:
        read_annotations(path, forced, options, wanted).report()
        return 'read'
    except (ValueError, FileNotFoundError) as error:
        text = str(error)
        clear = str(path.parent) in text and '\n' not in text and len(text) < 500
        assert clear and type(error) in (ValueError, FileNotFoundError), (text, data)
        return 'refused'
    except Exception as error:
        raise AssertionError(f'{type(error).__name__}: {error}: {data!r}') from error


def main() -> None:
    """Fuzz and print the counts."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--inputs', type=int, default=10_000)
    parser.add_argument('--seed', type=int, default=0)
    args = parser.parse_args()
    start = time.perf_counter()
    for name, count in fuzz(args.inputs, args.seed).items():
        print(f'{name}: {count["read"]} read, {count["refused"]} refused')
    print(f'{args.inputs} inputs in {time.perf_counter() - start:.0f} s, none unclear')


if __name__ == '__main__':
    main()
