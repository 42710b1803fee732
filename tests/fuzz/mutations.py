"""Break files at random: JSON by its values, archives by their members, all by bytes."""

import io
import json
import pickle
import random
import struct
import zipfile
import zlib

VALUES = (
    None,
    True,
    -1,
    0,
    2**31,
    2**64,
    10**400,
    1e308,
    1e39,
    float('nan'),
    float('inf'),
    '',
    'x',
    'a\\b',
    '../a.jpg',
    '\ud800',
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
    b'9' * 5000,
    b'[' * 2000,
)
# Numbers that lie at the edge of what a header can say.
EDGES = (0, 1, 0x7F, 0x80, 0xFF, 0x7FFF, 0xFFFF, 0x7FFFFFFF, 0xFFFFFFFF, 0x3FFFFFFF)
PNG = b'\x89PNG\r\n\x1a\n'


def places(value, path=()):
    """Paths of all values inside JSON."""
    yield path
    items = value.items() if isinstance(value, dict) else ()
    items = enumerate(value) if isinstance(value, list) else items
    for key, item in items:
        yield from places(item, (*path, key))


def break_json(data: bytes, draw: random.Random) -> bytes:
    """Change, remove or repeat a value."""
    content = json.loads(data)
    found = list(places(content))[1:]
    if not found:
        return json.dumps(draw.choice(VALUES)).encode()
    path = draw.choice(found)
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


def break_lines(data: bytes, draw: random.Random) -> bytes:
    """Break one of several lines of JSON."""
    lines = data.split(b'\n')
    which = draw.choice([i for i, line in enumerate(lines) if line])
    lines[which] = break_json(lines[which], draw)
    return b'\n'.join(lines)


def break_bytes(data: bytes, draw: random.Random) -> bytes:
    """Cut, insert, swap or repeat bytes."""
    at, end = sorted(draw.randrange(len(data) + 1) for _ in range(2))
    how = draw.randrange(6)
    if how == 0:
        return data[:at]
    if how == 1:
        return data[:at] + draw.choice(BYTES) + data[at:]
    if how == 2:
        return data[:at] + data[end:]
    if how == 3:
        return data[:at] + bytes([draw.randrange(256)]) + data[at + 1 :]
    if how == 4:
        size, order = draw.choice('BHI'), draw.choice('<>')
        number = struct.pack(
            order + size, draw.choice(EDGES) % 256 ** struct.calcsize(size)
        )
        return data[:at] + number + data[at + len(number) :]
    return data[:end] + data[at:]


def break_png(data: bytes, draw: random.Random) -> bytes:
    """Break a chunk and make its checksum right, so that the decoder gets to see it."""
    at, chunks = len(PNG), []
    while at + 8 <= len(data):
        size = int.from_bytes(data[at : at + 4], 'big')
        chunks.append((data[at + 4 : at + 8], data[at + 8 : at + 8 + size]))
        at += size + 12
    which = draw.randrange(len(chunks))
    kind, content = chunks[which]
    if kind == b'IDAT' and draw.random() < 0.5:
        content = zlib.compress(break_bytes(zlib.decompress(content), draw))
    elif content:
        content = break_bytes(content, draw)
    chunks[which] = kind, content
    parts = [
        struct.pack('>I', len(c)) + k + c + struct.pack('>I', zlib.crc32(k + c))
        for k, c in chunks
    ]
    return PNG + b''.join(parts)


def break_zip(data: bytes, draw: random.Random) -> bytes:
    """Break, remove or rename a member of an archive that is whole."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        members = [(info, archive.read(info)) for info in archive.infolist()]
    # The smaller, the likelier: headers and pickles rather than weights.
    weights = [1 / (50 + len(content)) for _, content in members]
    (which,) = draw.choices(range(len(members)), weights)
    out, how = io.BytesIO(), draw.randrange(8)
    with zipfile.ZipFile(out, 'w') as archive:
        for i, (info, content) in enumerate(members):
            if i == which and how == 0:
                continue
            name = info.filename + 'x' if i == which and how == 1 else info.filename
            if i == which and how > 1:
                content = _break_member(content, draw)
            archive.writestr(name, content, info.compress_type)
    return out.getvalue()


def _break_member(content: bytes, draw: random.Random) -> bytes:
    """Pickles also by their numbers, such as the length of a storage."""
    if content[:1] != b'\x80' or draw.random() < 0.4:
        return break_bytes(content, draw) if content else b'x'
    marks = [i for i, byte in enumerate(content[:-1]) if byte in b'KMJ']
    if not marks:
        return break_bytes(content, draw)
    at = draw.choice(marks)
    width = {b'K': 1, b'M': 2, b'J': 4}[content[at : at + 1]]
    number = draw.choice((2**33, 2**40, 2**62, -1, 10**6, 2**31 - 1))
    written = pickle.dumps(number, 2)[2:-1]  # without protocol and stop
    return content[:at] + written + content[at + 1 + width :]


def mutate(data: bytes, kind: str, draw: random.Random) -> bytes:
    """A broken file.

    Args:
        data (bytes): The whole file.
        kind (str): ``json``, ``lines`` of it, ``png``, ``zip`` or ``bytes``: what is
            broken besides bytes.
        draw (random.Random): Source of chance.
    """
    ways = dict(json=break_json, lines=break_lines, png=break_png, zip=break_zip)
    if kind in ways and draw.random() < 0.7:
        return ways[kind](data, draw)
    return break_bytes(data, draw)
