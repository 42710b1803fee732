"""What stages were made from, one file a stage, so that only what changed is made again."""

import ast
import hashlib
import json
import math
import os
import re
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

from .._files import write_json
from ..checkpoints import find_checkpoint
from ..configs import read_config
from .plan import Stage
from .process import fcntl, say

STATE = 'stage.json'
BLOCK = 2**22
# ``{{$NAME:default}}`` of mmengine's configs.
VARIABLE = re.compile(r'\{\{\s*\$(\w+)\s*:\s*([^}]*?)\s*\}\}')


@dataclass(frozen=True)
class State:
    """What is known of a stage.

    Attributes:
        fingerprint (dict): What it was begun with, see :func:`fingerprint`; empty if the
            file that told it is damaged.
        finished (bool): Whether it ended well.
        minutes (float): Time it took so far, interrupted parts included.
    """

    fingerprint: dict = field(default_factory=dict)
    finished: bool = False
    minutes: float = 0.0


def read_state(folder: Path) -> State | None:
    """State of the stage of a folder; None if it was never begun.

    A damaged file counts as a stage of unknown origin, with a warning.
    """
    path = folder / STATE
    try:
        content = json.loads(path.read_text())
        minutes = float(content['minutes'])
        state = State(dict(content['fingerprint']), content['finished'] is True, minutes)
        if not (isinstance(state.fingerprint.get('inputs'), dict) and minutes >= 0):
            raise ValueError('entries of another kind')
        return replace(state, minutes=minutes if math.isfinite(minutes) else 0.0)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (
        OSError,
        ValueError,
        KeyError,
        TypeError,
        RecursionError,
        OverflowError,
    ) as error:
        say(f'{path} is damaged and read as absent ({error!r:.200})')
        return State()


def write_state(stage: Stage, state: State) -> None:
    """Replace the state of a stage as a whole."""
    write_json(stage.folder / STATE, asdict(state))


def fingerprint(stage: Stage) -> dict:
    """Everything that the results of a stage depend on, in plain JSON types.

    A file counts with its content, a folder with the names and contents of all its files,
    an mmengine config also with its ``_base_`` files.

    Raises:
        FileNotFoundError: An input is absent.
    """
    inputs = {k: content_hash(path, stage.env) for k, path in stage.inputs.items()}
    return dict(command=list(stage.recipe), env=dict(stage.env), inputs=inputs)


def content_hash(path: Path, env: Mapping[str, str] | None = None) -> str:
    """SHA-256 of a file, a folder, or a config with its bases.

    Args:
        path (Path): What to read.
        env (Mapping[str, str], optional): Variables that names of bases may hold, beside
            those of the process.

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
        for base in _bases(path, {**os.environ, **(env or {})}):
            digest.update(content_hash(base, env).encode())
    return digest.hexdigest()


def _bases(path: Path, env: Mapping[str, str]) -> list[Path]:
    """Files that ``_base_`` of a Python config names; it is parsed, not run."""
    try:
        text = path.read_text()
        text = VARIABLE.sub(lambda match: env.get(match[1], match[2]), text)
        nodes = [node for node in ast.parse(text).body if isinstance(node, ast.Assign)]
        found = [n.value for n in nodes if ast.unparse(n.targets[0]) == '_base_']
        names = ast.literal_eval(found[0]) if found else []
    except (SyntaxError, ValueError):  # for the command to report
        return []
    names = [names] if isinstance(names, str) else names
    return [path.parent / name for name in names if '::' not in name]


def differences(old: dict, new: dict) -> list[str]:
    """Names of the inputs and entries in which two fingerprints differ."""
    result = [key for key in ('command', 'env') if old.get(key) != new[key]]
    before, after = old.get('inputs', {}), new['inputs']
    return result + [k for k in {**before, **after} if before.get(k) != after.get(k)]


def claim_folder(stage: Stage, now: dict) -> State:
    """Make the folder of a stage ready to start, or to go on after an interruption.

    What lies there stays if it was begun with the same fingerprint, or if it is the same
    training, begun by hand. Finished results of another one go to ``{stage}.replaced``,
    one generation, and come back when their inputs and command do: a mistyped option costs
    nothing.

    Args:
        stage (Stage): Whose folder.
        now (dict): Its fingerprint.

    Returns:
        State: Of what the folder holds now; its fingerprint is ``now``.

    Raises:
        ValueError: The folder holds files that are not of this stage.
    """
    folder = stage.folder
    aside = folder.with_name(f'{folder.name}.replaced')
    for rest in folder.glob(f'.{STATE}-*'):  # of a kill while it was written
        shutil.rmtree(rest)
    state, earlier = read_state(folder), read_state(aside)
    if state and state.fingerprint == now:
        return state
    if state is None and folder.exists() and any(folder.iterdir()):
        if trained_by_hand(stage):
            say(f'{stage.name}: {folder} is there already and is taken')
            write_state(stage, State(now))
            return State(now)
        made = 'files that stage {!r} has not made'
        if stage.checkpoint and find_checkpoint(str(folder)):
            made = 'a training of another config, seed or labels than stage {!r}'
        raise ValueError(
            f'{folder} holds {made.format(stage.name)}; move them, or choose another '
            '--work-dir'
        )
    if earlier and earlier.fingerprint == now:
        _remove(folder)
        aside.rename(folder)
        return earlier
    if state and (state.finished or not state.fingerprint):
        _remove(aside)
        folder.rename(aside)
        say(f'{stage.name}: what other values led to is now in {aside}')
    _remove(folder)
    write_state(stage, State(now))
    return State(now)


def _remove(folder: Path) -> None:
    """Delete a folder; a kill in between leaves nothing that looks like a stage's."""
    trash = folder.with_name(f'{folder.name}.deleted')
    if trash.exists():
        shutil.rmtree(trash)
    if folder.exists():
        folder.rename(trash)
        shutil.rmtree(trash)


@contextmanager
def locked(work_dirs: Sequence[Path]) -> Iterator[tuple[int, ...]]:
    """Keep other runs out of work dirs until this one and its commands end.

    Yields:
        tuple[int, ...]: Descriptors of the locks, to be inherited by the commands.

    Raises:
        ValueError: Another run, or a command that outlived it, holds a lock.
    """
    with ExitStack() as stack:
        descriptors = []
        for folder in work_dirs:
            descriptor = os.open(folder / '.lock', os.O_RDWR | os.O_CREAT, 0o644)
            stack.callback(os.close, descriptor)
            descriptors.append(descriptor)
            try:
                if fcntl is not None:
                    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise ValueError(
                    f'{folder} is in use by another run of stages, or by a command that it '
                    f'left behind; `fuser {folder}/.lock` names the process'
                ) from None
        yield tuple(descriptors)


# Entries of a config that decide what a training leads to.
DECISIVE = (
    *('model', 'train_dataloader', 'train_cfg', 'optim_wrapper', 'param_scheduler'),
    *('custom_hooks', 'load_from', 'randomness'),
)


def trained_by_hand(stage: Stage) -> bool:
    """Whether the folder of a stage holds a training of the stage's config.

    mmengine leaves the config of a training in its work dir when it starts. A training that
    reads the result of another stage is none, since nothing tells which result it read, and
    so is one whose labels changed since then.

    Args:
        stage (Stage): Whose folder.
    """
    config = next(iter(stage.inputs.values()), None)
    if stage.checkpoint is None or stage.needs or not find_checkpoint(str(stage.folder)):
        return False
    left = stage.folder / config.name
    if '--cfg-options' in stage.command or not left.is_file():
        return False
    begun = left.stat().st_mtime
    data = [path for path in stage.inputs.values() if path != config]
    if any(p.stat().st_mtime > begun for d in data for p in (d, *d.rglob('*'))):
        return False
    try:
        wanted, found = (read_config(path).to_dict() for path in (config, left))
    except ValueError:  # a kill while it was written
        return False
    if '--seed' in stage.command:
        seed = int(stage.command[stage.command.index('--seed') + 1])
        wanted['randomness'] = dict(wanted.get('randomness') or {}, seed=seed)
    return all(_plain(wanted.get(k)) == _plain(found.get(k)) for k in DECISIVE)


def _plain(value):
    """Lists for tuples, which a config that was written may have become."""
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, (list, tuple)) else value
