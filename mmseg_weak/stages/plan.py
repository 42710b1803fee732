"""Read a list of stages from a config and check it before anything runs."""

import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from types import MappingProxyType

from .. import config_path
from .._messages import shortened
from ..apis.launch import require_writable
from ..configs import read_config
from .placeholders import Table
from .typed import DEFAULTS, Command, Train, stage_from

LIST = 'stages.py'
NAME = re.compile(r'[A-Za-z][\w-]*')


@dataclass(frozen=True)
class Stage:
    """One command and the files that it reads and writes.

    Attributes:
        name (str): Of the stage.
        command (tuple[str, ...]): Program and arguments.
        inputs (Mapping[str, Path]): Files or folders it reads, by the name that the
            config gave them.
        outputs (tuple[Path, ...]): Files or folders it must leave.
        folder (Path): Its own folder; begins empty when it starts anew.
        log (Path): What it prints.
        recipe (tuple[str, ...]): The command without the places that have no influence.
        env (Mapping[str, str]): Additional environment variables.
        needs (tuple[str, ...]): Stages whose results it reads.
        checkpoint (Path, optional): Weights that it leaves, if it is a training.
        spared (tuple[str, ...]): Stages that it would need, had no checkpoint been given.
    """

    name: str
    command: tuple[str, ...]
    inputs: Mapping[str, Path]
    outputs: tuple[Path, ...]
    folder: Path
    log: Path
    recipe: tuple[str, ...]
    env: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    needs: tuple[str, ...] = ()
    checkpoint: Path | None = None
    spared: tuple[str, ...] = ()


def load_stages(
    path: str,
    work_dir: str | None = None,
    seed: int = 0,
    options: dict | None = None,
    use: Mapping[str, str] | None = None,
) -> list[Stage]:
    """Stages of a config in an order in which they can run.

    Args:
        path (str): Python config with ``stages = [dict(type=, name=, …)]``, see
            :mod:`.typed`, or a folder with such a ``stages.py``. Texts may hold
            ``{python}``, ``{tools}``, ``{work_dir}``, ``{seed}``, ``{stage}`` (the stage's
            own folder), ``{NAME}`` (the folder of another stage), ``{NAME.checkpoint}``
            (what a training leaves) and the name of any text or number that the config
            defines; what is nothing but the name of a list or dict stands for it.
            ``neutral`` may list names whose value does not change a result, such as the
            number of workers.
        work_dir (str, optional): Of all stages. Defaults to
            ``work_dir`` of the config, else to ``work_dirs/CONFIG/seed_SEED``.
        seed (int): Value of ``{seed}``. Defaults to 0.
        options (dict, optional): Overrides of the config, ``key=value``.
        use (Mapping[str, str], optional): Existing checkpoints that take the place of
            trainings, by the stage's name. Adds to ``use`` of the config.

    Returns:
        list[Stage]: At least one.

    Raises:
        FileNotFoundError: The config, or that of a training, does not exist.
        ValueError: The list has a mistake; the message names the stage and the entry.
    """
    path = config_path(_in_folder(path))
    config = read_config(path)
    if options:
        _check_options(path, config, options)
        config.merge_from_dict(options)
    use = {**config.get('use', {}), **(use or {})}
    try:
        root = Path(work_dir or _work_dir(config, Path(path).stem, seed))
        return plan_stages(config, root, seed, use)
    except ValueError as error:
        raise ValueError(f'{path}: {error}') from None
    except FileNotFoundError as error:
        raise FileNotFoundError(f'{path}: {error}{_elsewhere(path, config)}') from None


def _in_folder(path: str) -> str:
    """The list of a folder that ``init`` wrote, or the path as it is."""
    if not Path(path).is_dir():
        return path
    if not (Path(path) / LIST).is_file():
        raise FileNotFoundError(f'{path} is a folder without {LIST}: name a list of stages')
    return str(Path(path) / LIST)


def _elsewhere(path: str, config: Mapping) -> str:
    """Advice for a list whose relative paths lead nowhere from the current folder."""
    named = [str(entry['config']) for entry in config['stages'] if entry.get('config')]
    absent = [name for name in named if not Path(name).exists()]
    if all(Path(name).is_absolute() for name in absent):
        return ''
    text = '; paths are relative to the current folder, in lists by `init` to where it ran'
    for parent in Path(path).resolve().parents:
        if any((parent / name).is_file() for name in absent):
            return f'{text}: cd {shlex.quote(str(parent))}'
    return text


def plan_stages(
    config: Mapping, root: Path, seed: int = 0, use: Mapping[str, str] | None = None
) -> list[Stage]:
    """Stages of a list in an order in which they can run, see :func:`load_stages`.

    Args:
        config (Mapping): ``stages`` and the values that they name.
        root (Path): Work dir of all of them.
        seed (int): Value of ``{seed}``. Defaults to 0.
        use (Mapping[str, str], optional): Checkpoints in place of trainings.

    Raises:
        FileNotFoundError: The config of a training does not exist.
        ValueError: The list has a mistake; the message names the stage and the entry.
    """
    entries = config.get('stages')
    if not isinstance(entries, list) or not entries:
        raise ValueError('there is no list of stages')
    names = [_name(entry) for entry in entries]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ValueError(f'two stages are called {twice[0]!r}')
    table = Table(config, root, seed, names)
    typed = [stage_from(table.whole(entry), table.values['env']) for entry in entries]
    trainings = {stage.name: stage for stage in typed if isinstance(stage, Train)}
    for stage in trainings.values():
        table.add_checkpoint(stage)
    stages = [
        _resolve(stage.expand(trainings, table.values), table, stage.name in trainings)
        for stage in typed
    ]
    stages = _with_needs(stages)
    if use:
        stages = _with_needs(_used(stages, use))
    return _in_order(stages)


def _check_options(path: str, config: Mapping, options: Mapping) -> None:
    """Overrides must name values of the list: a mistyped one would change nothing."""
    values = {**DEFAULTS, **config}
    for option, value in options.items():
        name = option.split('.')[0]
        if name not in values:
            close = get_close_matches(name, list(values), n=1)
            hint = f', did you mean {close[0]!r}?' if close else ''
            raise ValueError(f'{path} has no value {name!r}{hint}')
        whole = option == name and isinstance(values[name], list)
        if whole and not isinstance(value, list):
            raise ValueError(f'{path}: {name} is a list; write {name}=[{value}]')


def _work_dir(config: Mapping, name: str, seed: int) -> str:
    """Where a list goes that is not told where."""
    text = config.get('work_dir') or f'work_dirs/{name}/seed_{{seed}}'
    try:
        return text.format_map({**config, 'seed': seed})
    except KeyError as error:
        raise ValueError(f'work_dir uses {{{error.args[0]}}}, which is no value') from None


def _name(entry: Mapping) -> str:
    """The name of a stage, checked."""
    name = entry.get('name') if isinstance(entry, Mapping) else None
    if not isinstance(name, str) or not NAME.fullmatch(name):
        found = shortened(repr(name))
        raise ValueError(f'a stage needs a name of letters, digits, _ and -, got {found}')
    return name


def _resolve(stage: Command, table: Table, training: bool) -> Stage:
    """Fill the placeholders in."""
    name = stage.name

    def fill(text, fixed: bool = False) -> str:
        return table.fill(text, name, fixed)

    words = table.whole(stage.command)
    outputs = tuple(Path(fill(file)) for file in table.whole(stage.outputs))
    return Stage(
        name=name,
        command=tuple(map(fill, words)),
        inputs={fill(file, True): Path(fill(file)) for file in table.whole(stage.inputs)},
        outputs=outputs,
        folder=table.root / name,
        log=table.root / 'logs' / f'{name}.log',
        recipe=tuple(fill(word, True) for word in words),
        env={key: fill(value) for key, value in stage.env.items()},
        checkpoint=outputs[0] if training else None,
    )


def _used(stages: list[Stage], use: Mapping[str, str]) -> list[Stage]:
    """Copy existing checkpoints in place of trainings."""
    by_name = {stage.name: stage for stage in stages}
    for name, path in use.items():
        if name not in by_name:
            raise ValueError(
                f'there is no stage {name!r} to use {path} for; the list has '
                f'{", ".join(by_name)}'
            )
        stage = by_name[name]
        if stage.checkpoint is None:
            raise ValueError(f'stage {name!r} is no training, {path} cannot be its result')
        by_name[name] = replace(
            stage,
            command=('cp', str(path), str(stage.checkpoint)),
            recipe=('use',),
            inputs={'checkpoint': Path(path)},
            env={},
            spared=stage.needs,
        )
    return list(by_name.values())


def _with_needs(stages: list[Stage]) -> list[Stage]:
    """Find out which stage makes which input."""
    result = []
    for stage in stages:
        needs = [
            other.name
            for other in stages
            if other is not stage and any(makes(other, i) for i in stage.inputs.values())
        ]
        recipe = ' '.join(stage.recipe)
        for other in stages:
            used = other is not stage and f'{{{other.name}}}' in recipe
            if used and other.name not in needs:
                raise ValueError(
                    f'the command of stage {stage.name!r} uses {{{other.name}}}, but its '
                    'inputs name nothing of that folder'
                )
        result.append(replace(stage, needs=tuple(needs)))
    _check_outputs(stages)
    return result


def makes(stage: Stage, file: Path) -> bool:
    """Whether a file is an output of a stage, lies in one, or in the stage's folder."""
    return any(file.is_relative_to(made) for made in (stage.folder, *stage.outputs))


def _check_outputs(stages: list[Stage]) -> None:
    """Each output has one maker."""
    makers: dict[Path, str] = {}
    for stage in stages:
        for output in stage.outputs:
            other = makers.setdefault(output, stage.name)
            if other != stage.name:
                raise ValueError(f'stages {other!r} and {stage.name!r} both write {output}')


def _in_order(stages: list[Stage]) -> list[Stage]:
    """Sort by needs; the order of the config where that leaves a choice."""
    sorter = TopologicalSorter({stage.name: stage.needs for stage in stages})
    try:
        order = list(sorter.static_order())
    except CycleError as error:
        circle = ' → '.join(reversed(error.args[1]))
        raise ValueError(f'stages need each other in a circle: {circle}') from None
    return sorted(stages, key=lambda stage: order.index(stage.name))


def select_stages(stages: Sequence[Stage], names: Sequence[str] = ()) -> list[Stage]:
    """The named stages and all that they need.

    Without names all, but those that only led to a training whose checkpoint is given.

    Raises:
        ValueError: There is no stage of such a name.
    """
    by_name = {stage.name: stage for stage in stages}
    for name in names:
        if name not in by_name:
            raise ValueError(
                f'there is no stage {name!r}; the config has {", ".join(by_name)}'
            )
    early = {name for stage in stages for name in (*stage.needs, *stage.spared)}
    wanted, pending = set(), list(names or by_name.keys() - early)
    while pending:
        name = pending.pop()
        if name not in wanted:
            wanted.add(name)
            pending.extend(by_name[name].needs)
    return [stage for stage in stages if stage.name in wanted]


def check_inputs(stages: Sequence[Stage]) -> None:
    """Check that every input exists or is made, and that work dirs can be written.

    Raises:
        FileNotFoundError: An input is absent and no stage makes it.
        ValueError: A work dir cannot be written.
    """
    for stage in stages:
        made_elsewhere = [other for other in stages if other.name in stage.needs]
        for file in stage.inputs.values():
            if not file.exists() and not any(makes(s, file) for s in made_elsewhere):
                raise FileNotFoundError(
                    f'stage {stage.name!r}: input {file} does not exist, and no stage '
                    'makes it'
                )
    for folder in {stage.folder.parent: None for stage in stages}:
        require_writable(str(folder))
