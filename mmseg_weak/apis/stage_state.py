"""What stages were made from, so that only what changed is made again."""

import ast
import hashlib
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from doit.dependency import JsonDB
from mmengine.logging import print_log

from .._files import replace_file, write_json
from .stage_plan import Stage

try:
    import fcntl
except ImportError:  # not POSIX: no lock
    fcntl = None

STATE = 'stages.json'
MARKER = 'stage.json'
FINISHED = 'finished'
BLOCK = 2**22


class SafeJsonDB(JsonDB):
    """doit's JSON store, replaced as a whole: a kill leaves the old or the new state."""

    def dump(self) -> None:
        """Write the state."""
        with replace_file(self.name) as path:
            path.write_text(self.codec.encode(self._db))


def fingerprint(stage: Stage) -> dict:
    """Everything that the results of a stage depend on, in plain JSON types.

    A file counts with its content, a folder with the names and contents of all its files,
    an mmengine config also with its ``_base_`` files.

    Raises:
        FileNotFoundError: An input is absent.
    """
    return dict(
        command=list(stage.recipe),
        env=dict(stage.env),
        inputs={name: content_hash(path) for name, path in stage.inputs.items()},
    )


def content_hash(path: Path) -> str:
    """SHA-256 of a file, a folder, or a config with its bases.

    Raises:
        FileNotFoundError: There is nothing.
    """
    digest = hashlib.sha256()
    if path.is_dir():
        for file in sorted(file for file in path.rglob('*') if file.is_file()):
            digest.update(f'{file.relative_to(path)} {content_hash(file)}\n'.encode())
        return digest.hexdigest()
    with open(path, 'rb') as file:
        while block := file.read(BLOCK):
            digest.update(block)
    if path.suffix == '.py':
        for base in _bases(path):
            digest.update(content_hash(base).encode())
    return digest.hexdigest()


def _bases(path: Path) -> list[Path]:
    """Files that ``_base_`` of a Python config names; it is parsed, not run."""
    try:
        tree = ast.parse(path.read_bytes())
    except SyntaxError:  # for the command to report
        return []
    for node in tree.body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == '_base_':
            names = ast.literal_eval(node.value)
            names = [names] if isinstance(names, str) else names
            return [path.parent / name for name in names if '::' not in name]
    return []


def differences(old: dict, new: dict) -> list[str]:
    """Names of the inputs and entries in which two fingerprints differ."""
    result = [key for key in ('command', 'env') if old.get(key) != new[key]]
    before, after = old.get('inputs', {}), new['inputs']
    return result + [k for k in {**before, **after} if before.get(k) != after.get(k)]


def prepare_folder(stage: Stage) -> bool:
    """Make the folder of a stage ready to start, or to go on after an interruption.

    What lies there stays if it was begun with the same inputs and the same command. Other
    results go to ``{stage}.replaced`` if they are finished, and come back when their inputs
    and command do: a mistyped option costs nothing.

    Returns:
        bool: Whether an interrupted stage goes on, or results came back.

    Raises:
        ValueError: The folder holds files that are not of this stage.
    """
    folder, now = stage.folder, fingerprint(stage)
    aside = folder.with_name(f'{folder.name}.replaced')
    begun = _read_marker(folder)
    if begun == now:
        (folder / FINISHED).unlink(missing_ok=True)
        return True
    if begun is None and folder.exists() and any(folder.iterdir()):
        raise ValueError(
            f'{folder} holds files that stage {stage.name!r} has not made; move '
            'them, or choose another --work-dir'
        )
    if _read_marker(aside) == now:
        _remove(folder)
        aside.rename(folder)
        return True
    if begun and (folder / FINISHED).exists():
        _remove(aside)
        folder.rename(aside)
        print_log(f'{stage.name}: what other values led to is now in {aside}')
    _remove(folder)
    write_json(folder / MARKER, now)
    return False


def _remove(folder: Path) -> None:
    """Delete a folder; a kill in between leaves nothing that looks like a stage's."""
    trash = folder.with_name(f'{folder.name}.deleted')
    if trash.exists():
        shutil.rmtree(trash)
    if folder.exists():
        folder.rename(trash)
        shutil.rmtree(trash)


def begun_with(stage: Stage) -> dict | None:
    """Fingerprint that the last run of a stage was begun with, None before the first."""
    return _read_marker(stage.folder)


def _read_marker(folder: Path) -> dict | None:
    marker = folder / MARKER
    return json.loads(marker.read_text()) if marker.is_file() else None


@contextmanager
def locked(work_dir: Path) -> Iterator[int]:
    """Keep other runs out of a work dir until this one and its commands end.

    Yields:
        int: Descriptor of the lock, to be inherited by the commands.

    Raises:
        ValueError: Another run, or a command that outlived it, holds the lock.
    """
    descriptor = os.open(work_dir / '.lock', os.O_RDWR | os.O_CREAT, 0o644)
    try:
        if fcntl is not None:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield descriptor
    except BlockingIOError:
        raise ValueError(
            f'{work_dir} is in use by another run_stages.py, or by a command that it left '
            f'behind; `fuser {work_dir}/.lock` names the process'
        ) from None
    finally:
        os.close(descriptor)
