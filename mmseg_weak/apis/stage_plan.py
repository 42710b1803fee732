"""Read a list of stages from a config and check it before anything runs."""

import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from types import MappingProxyType

from mmengine.config import Config

from .launch import require_writable

TOOLS = Path(__file__).resolve().parents[2] / 'tools'
NAME = re.compile(r'[A-Za-z][\w-]*')
PLACEHOLDER = re.compile(r'\{(\w+)\}')
# Of no influence on a result: where the interpreter and the folders are.
PLACES = ('python', 'tools', 'work_dir')


@dataclass(frozen=True)
class Stage:
    """One command and the files that it reads and writes.

    Attributes:
        name (str): Of the stage and of its folder in the work dir.
        command (tuple[str, ...]): Program and arguments.
        inputs (Mapping[str, Path]): Files or folders it reads, by the name that the
            config gave them.
        outputs (tuple[Path, ...]): Files or folders it must leave.
        folder (Path): Its own folder; begins empty when it starts anew.
        log (Path): What it prints.
        recipe (tuple[str, ...]): The command without the places that have no influence.
        env (Mapping[str, str]): Additional environment variables.
        needs (tuple[str, ...]): Stages whose results it reads.
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

    @property
    def time_file(self) -> Path:
        """Minutes it took, see :class:`~mmseg_weak.apis.stopwatch.Stopwatch`."""
        return self.folder / 'time.json'


def load_stages(
    path: str, work_dir: str | None = None, seed: int = 0, options: dict | None = None
) -> list[Stage]:
    """Stages of a config in an order in which they can run.

    Args:
        path (str): Python config with ``stages = [dict(name=, command=, inputs=,
            outputs=, env=)]``; only name and command must be there. Strings may hold
            ``{python}``, ``{tools}``, ``{work_dir}``, ``{seed}``, ``{stage}`` (the stage's
            own folder), ``{NAME}`` (the folder of another stage) and the name of any
            string or number that the config defines; an element that is the name of a list
            is replaced by its elements. ``neutral`` may list names whose value does not
            change a result, such as the number of workers.
        work_dir (str, optional): Of all stages. Defaults to
            ``work_dirs/CONFIG/seed_SEED``.
        seed (int): Value of ``{seed}``. Defaults to 0.
        options (dict, optional): Overrides of the config, ``key=value``.

    Returns:
        list[Stage]: At least one.

    Raises:
        FileNotFoundError: The config does not exist.
        ValueError: The list has a mistake; the message names the stage and the entry.
    """
    if not Path(path).is_file():
        raise FileNotFoundError(f'config {path} does not exist')
    config = Config.fromfile(path)
    if options:
        _check_options(path, config, options)
        config.merge_from_dict(options)
    entries = config.get('stages')
    if not isinstance(entries, list) or not entries:
        raise ValueError(f'{path} defines no list of stages')
    for entry in entries:
        _check_entry(path, entry)
    names = [entry['name'] for entry in entries]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ValueError(f'{path}: two stages are called {twice[0]!r}')
    root = Path(work_dir or f'work_dirs/{Path(path).stem}/seed_{seed}')
    values = {
        key: value
        for key, value in config.items()
        if isinstance(value, (str, int, float, list)) and key != 'stages'
    }
    values.update(python=sys.executable, tools=str(TOOLS), seed=seed, work_dir=str(root))
    values.update({name: str(root / name) for name in names})
    neutral = (*PLACES, *names, *config.get('neutral', ()))
    stages = [_resolve(path, entry, values, neutral, root) for entry in entries]
    return _in_order(path, _with_needs(path, stages))


def _check_options(path: str, config: Mapping, options: Mapping) -> None:
    """Overrides must name values of the list: a mistyped one would change nothing."""
    for option, value in options.items():
        name = option.split('.')[0]
        if name not in config:
            close = get_close_matches(name, list(config), n=1)
            hint = f', did you mean {close[0]!r}?' if close else ''
            raise ValueError(f'{path} has no value {name!r}{hint}')
        if (
            isinstance(config[name], list)
            and option == name
            and not isinstance(value, list)
        ):
            raise ValueError(f'{path}: {name} is a list; write {name}=[{value}]')


def _check_entry(path: str, entry: Mapping) -> None:
    """Types and keys of one stage."""
    name = entry.get('name') if isinstance(entry, Mapping) else None
    if not isinstance(name, str) or not NAME.fullmatch(name):
        raise ValueError(
            f'{path}: a stage needs a name of letters, digits, _ and -, got {name!r}'
        )
    unknown = set(entry) - {'name', 'command', 'inputs', 'outputs', 'env'}
    if unknown:
        raise ValueError(f'{path}: stage {name!r} has an unknown entry {min(unknown)!r}')
    if not entry.get('command'):
        raise ValueError(f'{path}: stage {name!r} has no command')
    for key in ('command', 'inputs', 'outputs'):
        value = entry.get(key, [])
        if not isinstance(value, (list, tuple)):
            raise ValueError(f'{path}: {key} of stage {name!r} must be a list')
    if not isinstance(entry.get('env', {}), Mapping):
        raise ValueError(f'{path}: env of stage {name!r} must be a dict')


def _resolve(
    path: str, entry: Mapping, values: dict, neutral: Sequence[str], root: Path
) -> Stage:
    """Fill the placeholders in; ``neutral`` ones stay in the recipe."""
    own = dict(values, stage=str(root / entry['name']))

    def fill(text, table=own) -> str:
        try:
            return str(text).format_map(table)
        except KeyError as error:
            raise ValueError(
                f'{path}: stage {entry["name"]!r} uses {{{error.args[0]}}}, which is '
                'neither a stage nor a value of the config'
            ) from None
        except (ValueError, IndexError) as error:
            raise ValueError(
                f'{path}: stage {entry["name"]!r}: {text!r} has a mistake in its braces '
                f'({error}); a brace itself is written twice'
            ) from None

    def parts(key: str) -> list[str]:
        result = []
        for text in entry.get(key, ()):
            whole = PLACEHOLDER.fullmatch(str(text))
            value = values.get(whole[1]) if whole else None
            result.extend(value if isinstance(value, list) else [text])
        return result

    fixed = {**own, 'stage': '{stage}', **{key: f'{{{key}}}' for key in neutral}}
    return Stage(
        name=entry['name'],
        command=tuple(map(fill, parts('command'))),
        inputs={fill(file, fixed): Path(fill(file)) for file in parts('inputs')},
        outputs=tuple(Path(fill(file)) for file in parts('outputs')),
        folder=root / entry['name'],
        log=root / 'logs' / f'{entry["name"]}.log',
        recipe=tuple(fill(part, fixed) for part in parts('command')),
        env={key: fill(value) for key, value in entry.get('env', {}).items()},
    )


def _with_needs(path: str, stages: list[Stage]) -> list[Stage]:
    """Find out which stage makes which input."""
    result = []
    for stage in stages:
        needs = [
            other.name
            for other in stages
            if other is not stage and any(_makes(other, i) for i in stage.inputs.values())
        ]
        recipe = ' '.join(stage.recipe)
        for other in stages:
            used = other is not stage and f'{{{other.name}}}' in recipe
            if used and other.name not in needs:
                raise ValueError(
                    f'{path}: the command of stage {stage.name!r} uses {{{other.name}}}, '
                    'but its inputs name nothing of that folder'
                )
        result.append(replace(stage, needs=tuple(needs)))
    _check_outputs(path, stages)
    return result


def _makes(stage: Stage, file: Path) -> bool:
    """Whether a file is an output of a stage, lies in one, or in the stage's folder."""
    return any(file.is_relative_to(made) for made in (stage.folder, *stage.outputs))


def _check_outputs(path: str, stages: list[Stage]) -> None:
    """Each output has one maker."""
    makers: dict[Path, str] = {}
    for stage in stages:
        for output in stage.outputs:
            other = makers.setdefault(output, stage.name)
            if other != stage.name:
                raise ValueError(
                    f'{path}: stages {other!r} and {stage.name!r} both write {output}'
                )


def _in_order(path: str, stages: list[Stage]) -> list[Stage]:
    """Sort by needs; the order of the config where that leaves a choice."""
    sorter = TopologicalSorter({stage.name: stage.needs for stage in stages})
    try:
        order = list(sorter.static_order())
    except CycleError as error:
        circle = ' → '.join(reversed(error.args[1]))
        raise ValueError(f'{path}: stages need each other in a circle: {circle}') from None
    return sorted(stages, key=lambda stage: order.index(stage.name))


def select_stages(stages: Sequence[Stage], names: Sequence[str]) -> list[Stage]:
    """The named stages and all that they need; without names, all.

    Raises:
        ValueError: There is no stage of such a name.
    """
    by_name = {stage.name: stage for stage in stages}
    for name in names:
        if name not in by_name:
            raise ValueError(
                f'there is no stage {name!r}; the config has {", ".join(by_name)}'
            )
    wanted, pending = set(), list(names or by_name)
    while pending:
        name = pending.pop()
        if name not in wanted:
            wanted.add(name)
            pending.extend(by_name[name].needs)
    return [stage for stage in stages if stage.name in wanted]


def check_inputs(stages: Sequence[Stage]) -> None:
    """Check that every input exists or is made, and that the work dir can be written.

    Raises:
        FileNotFoundError: An input is absent and no stage makes it.
        ValueError: The work dir cannot be written.
    """
    for stage in stages:
        made_elsewhere = [other for other in stages if other.name in stage.needs]
        for file in stage.inputs.values():
            if not file.exists() and not any(_makes(s, file) for s in made_elsewhere):
                raise FileNotFoundError(
                    f'stage {stage.name!r}: input {file} does not exist, and no stage '
                    'makes it'
                )
    require_writable(str(stages[0].folder.parent))
