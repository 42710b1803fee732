"""Every click and class of a session, in a file that grows line by line.

One line of JSON an operation, written through to the disk before it counts. A kill loses
nothing: a line that was cut off is dropped. Undo and redo are operations too, so a session
that is opened again can still undo.
"""

import json
import os
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

try:
    import fcntl
except ImportError:  # not POSIX: no lock
    fcntl = None

from .._messages import reason_of

KINDS = ('add', 'remove', 'class', 'rename', 'merge', 'undo', 'redo')


@dataclass(frozen=True)
class Click:
    """A click or, with several points, a scribble.

    Attributes:
        id (int): Unique within the session.
        image (str): Image id.
        points (tuple): (x, y) pairs in pixels of the upright image; pixel column i covers
            [i, i + 1).
        name (str): Class.
        denied (bool): The class is *not* there.
    """

    id: int
    image: str
    points: tuple[tuple[float, float], ...]
    name: str
    denied: bool = False


@dataclass
class State:
    """What the operations amount to."""

    classes: list[str] = field(default_factory=list)
    clicks: dict[int, Click] = field(default_factory=dict)


class Journal:
    """Operations of a session and the state they lead to.

    Args:
        path (str | os.PathLike, optional): File of the operations; an existing one is read.
            Defaults to None, nothing is kept.

    Raises:
        ValueError: The file is no journal, or cannot be written.
    """

    def __init__(self, path: str | os.PathLike | None = None) -> None:
        self.path = None if path is None else Path(path)
        self.done: list[dict] = []
        self.undone: list[dict] = []
        self.state = State()
        self.next_id = 0
        self.version = 0
        self._file, self._size = None, 0
        if self.path is not None:
            self._open()

    def apply(self, operation: dict) -> None:
        """Check an operation, write it down, then count it.

        Args:
            operation (dict): ``op`` of ``KINDS`` and its values, see the methods of
                :class:`~mmseg_weak.live.session.LiveSession`.

        Raises:
            ValueError: It does not fit the state, the disk is full, or another session
                has written to the file; nothing is changed.
        """
        before = self.done[:], self.undone[:], self.next_id
        self._count(operation)
        if self._file is None:
            return
        try:
            self._write(operation)
        except (OSError, ValueError) as error:
            self.done, self.undone, self.next_id = before
            self.state = replayed(self.done)
            raise ValueError(f'{self.path} cannot be written ({error})') from None

    def named(self, name: str) -> bool:
        """Whether a class has, or had, this name: it may be renamed or merged since."""
        return any(
            operation.get('name' if operation['op'] == 'class' else 'to') == name
            for operation in self.done
        )

    def close(self) -> None:
        """Close the file."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def _write(self, operation: dict) -> None:
        """Append a line, whole or not at all."""
        line = (json.dumps(operation, ensure_ascii=False) + '\n').encode()
        number = self._file.fileno()
        _lock(number)
        try:
            now = os.fstat(number)
            if not (self.path.exists() and os.path.samestat(self.path.stat(), now)):
                raise ValueError('it was moved or removed; open this session again')
            if now.st_size != self._size:
                raise ValueError('another session has written to it; open this one again')
            try:
                if self._file.write(line) < len(line):
                    raise OSError('the disk is full')
                os.fsync(number)
            except OSError:
                self._file.truncate(self._size)
                raise
            self._size += len(line)
        finally:
            _lock(number, release=True)

    def _open(self) -> None:
        """Read the operations, drop a cut-off end, get ready to append."""
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            content = self.path.read_bytes() if self.path.exists() else b''
            whole = content[: content.rfind(b'\n') + 1]
            for number, line in enumerate(whole.splitlines(), 1):
                self._replay(number, line)
            if len(whole) < len(content):
                with open(self.path, 'r+b') as file:
                    file.truncate(len(whole))
            # Without a buffer: what could not be written must not come later.
            self._file = open(self.path, 'ab', buffering=0)  # noqa: SIM115 kept open
            self._size = len(whole)
        except OSError as error:
            raise ValueError(f'{self.path} cannot be opened ({error})') from None

    def _replay(self, number: int, line: bytes) -> None:
        try:
            self._count(json.loads(line))
        except (
            *(ValueError, KeyError, TypeError, AttributeError),
            *(RecursionError, OverflowError),
        ) as error:
            raise ValueError(
                f'{self.path}: line {number} is no operation of a session '
                f'({reason_of(error)}); take '
                'the line out or choose another folder'
            ) from None

    def _count(self, operation: dict) -> None:
        """Change the state in memory."""
        kind = operation.get('op')
        if kind not in KINDS:
            raise ValueError(f'unknown operation {kind!r}')
        if kind == 'undo':
            if not self.done:
                raise ValueError('nothing to undo')
            self.undone.append(self.done.pop())
            self.state = replayed(self.done)
        elif kind == 'redo':
            if not self.undone:
                raise ValueError('nothing to redo')
            self.done.append(self.undone.pop())
            self.state = replayed(self.done)
        else:
            change(self.state, operation)
            self.done.append(operation)
            self.undone.clear()
        if kind == 'add':
            self.next_id = max(self.next_id, operation['id'] + 1)
        self.version += 1


def _lock(number: int, release: bool = False) -> None:
    """Keep other sessions from writing; some network file systems have no locks."""
    if fcntl is not None:
        with suppress(OSError):
            fcntl.flock(number, fcntl.LOCK_UN if release else fcntl.LOCK_EX)


def replayed(operations: Iterable[dict]) -> State:
    """State after some operations."""
    state = State()
    for operation in operations:
        change(state, operation)
    return state


def change(state: State, operation: dict) -> None:
    """Change a state by one operation.

    Raises:
        ValueError: It does not fit the state, which is then unchanged.
    """
    kind = operation['op']
    if kind == 'add':
        click = Click(
            operation['id'],
            operation['image'],
            tuple((float(x), float(y)) for x, y in operation['points']),
            operation['class'],
            bool(operation.get('no', False)),
        )
        _require(state, click.name)
        if not click.points or not np.isfinite(click.points).all():
            raise ValueError('a click needs a point, and positions must be finite')
        if not isinstance(click.image, str) or type(operation['id']) is not int:
            raise ValueError('a click needs the name of an image and a whole number as id')
        state.clicks[click.id] = click
    elif kind == 'remove':
        if state.clicks.pop(operation['id'], None) is None:
            raise ValueError(f'there is no click {operation["id"]}')
    elif kind == 'class':
        _check_new_name(state, operation['name'])
        state.classes.append(operation['name'])
    elif kind == 'rename':
        _require(state, operation['name'])
        _check_new_name(state, operation['to'])
        _rename(state, operation['name'], operation['to'])
        state.classes[state.classes.index(operation['name'])] = operation['to']
    else:
        for name in (operation['name'], operation['to']):
            _require(state, name)
        if operation['name'] == operation['to']:
            raise ValueError('a class cannot be merged with itself')
        _rename(state, operation['name'], operation['to'])
        state.classes.remove(operation['name'])


def _rename(state: State, old: str, new: str) -> None:
    for click in [c for c in state.clicks.values() if c.name == old]:
        state.clicks[click.id] = replace(click, name=new)


def _require(state: State, name: str) -> None:
    if name not in state.classes:
        raise ValueError(f'there is no class {name!r}, only {", ".join(state.classes)}')


def _check_new_name(state: State, name: object) -> None:
    if not isinstance(name, str) or not name.strip() or not name.isprintable():
        raise ValueError(f'a class needs a name that can be printed, got {name!r}')
    if name in state.classes:
        raise ValueError(f'there is a class {name!r} already')
    if len(state.classes) >= 255:
        raise ValueError('label maps of one byte hold 255 classes')
