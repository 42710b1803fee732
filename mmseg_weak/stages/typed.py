"""The types of stages: each knows its command, what it reads and what it leaves.

A stage of a config is a dict with ``type`` and the attributes below. Texts may hold
placeholders, see :func:`~mmseg_weak.stages.plan.load_stages`.
"""

import os
from collections.abc import Mapping, Sequence
from dataclasses import MISSING, dataclass, field, fields

from mmengine.config import Config

from .._messages import shortened
from ..configs import read_config

# Values that the types read and a list may set.
DEFAULTS = dict(
    processes=1,
    train_options=[],
    data_options=[],
    label_options=[],
    test_options=[],
    workers=1,
    device='cpu',
    env={},
    labels_go_to='train_dataloader.dataset.pseudo_label_dir',
    neutral=['workers', 'device'],
)


@dataclass(frozen=True, kw_only=True)
class Command:
    """Any program.

    Attributes:
        name (str): Of the stage and of its folder: letters, digits, _ and -.
        command (Sequence[str]): Program and arguments; no shell.
        inputs (Sequence[str]): Files or folders it reads.
        outputs (Sequence[str]): Files or folders that it must leave.
        env (Mapping[str, str]): Additional environment variables.
    """

    name: str
    command: Sequence[str]
    inputs: Sequence[str] = ()
    outputs: Sequence[str] = ()
    env: Mapping[str, str] = field(default_factory=dict)

    def expand(self, trainings: Mapping[str, 'Train'], values: Mapping) -> 'Command':
        """Command, inputs and outputs, placeholders still in.

        Args:
            trainings (Mapping[str, 'Train']): Those of the list, by name.
            values (Mapping): Of the list, for what depends on their kind.

        Raises:
            ValueError: A stage that an attribute names is not in the list.
        """
        return self

    def _command(self, words: Sequence, inputs: Sequence, outputs: Sequence) -> 'Command':
        """The same stage as a command of ours."""
        return Command(
            name=self.name,
            command=['{python}', '-m', *words],
            inputs=[*inputs, *self.inputs],
            outputs=outputs,
            env=self.env,
        )

    def _training(self, trainings: Mapping[str, 'Train'], name: str) -> 'Train':
        if name not in trainings:
            raise ValueError(
                f'stage {self.name!r} names {name!r}, which is no stage of type Train'
            )
        return trainings[name]


@dataclass(frozen=True, kw_only=True)
class Train(Command):
    """A training that leaves its last checkpoint.

    Attributes:
        config (str): Of the training.
        labels (str, optional): Stage whose label folder it learns from; the list's
            ``labels_go_to`` names the entry of the config that takes it.
        load_from (str, optional): Training whose weights it starts with.
        options (Mapping[str, str]): Overrides of the config.
        checkpoint (str, optional): Name of the last checkpoint. Defaults to what the
            config's number of iterations or epochs says.
        inputs (Sequence[str]): Further files it reads, such as clicks.
    """

    config: str
    labels: str | None = None
    load_from: str | None = None
    options: Mapping[str, str] = field(default_factory=dict)
    checkpoint: str | None = None
    command: Sequence[str] = field(default=(), init=False)
    outputs: Sequence[str] = field(default=(), init=False)

    def expand(self, trainings: Mapping[str, 'Train'], values: Mapping) -> Command:
        """``mmseg-weak train``, on several processes through torchrun."""
        options, inputs = dict(self.options), [self.config]
        if self.labels:
            options['{labels_go_to}'] = f'{{{self.labels}}}'
            inputs.append(f'{{{self.labels}}}/manifest.json')
        if self.load_from:
            start = f'{{{self._training(trainings, self.load_from).name}.checkpoint}}'
            options['load_from'] = start
            inputs.append(start)
        words = [*_program(values['processes'], self.config), '--work-dir', '{stage}']
        words += ['--seed', '{seed}', '--resume', '{train_options}', '{data_options}']
        if options:
            words += ['--cfg-options', *(f'{k}={v}' for k, v in options.items())]
        return self._command(words, inputs, ['{stage.checkpoint}'])

    def last_checkpoint(
        self, config: str, options: Sequence[str], env: Mapping[str, str]
    ) -> str:
        """File name of the checkpoint that the training ends with.

        Args:
            config (str): Path of the config, without placeholders.
            options (Sequence[str]): Words that may change it, such as
                ``train_cfg.max_iters=300``.
            env (Mapping[str, str]): Variables that the config may read.

        Raises:
            FileNotFoundError: The config does not exist.
            ValueError: It cannot be read, or tells no number of iterations or epochs.
        """
        if self.checkpoint:
            return self.checkpoint
        loop = dict(_read(config, env).get('train_cfg') or {})
        loop.update(w[10:].split('=', 1) for w in options if w.startswith('train_cfg.'))
        for key, name in (('max_iters', 'iter'), ('max_epochs', 'epoch')):
            if loop.get(key):
                return f'{name}_{loop[key]}.pth'
        raise ValueError(
            f'{config} has no train_cfg.max_iters, so that the name of its last checkpoint '
            f'is unknown: give stage {self.name!r} checkpoint=…'
        )


@dataclass(frozen=True, kw_only=True)
class Label(Command):
    """A label folder, made by one or several trained networks, or by none.

    Attributes:
        network (str | Sequence[str]): Trainings whose networks label. Defaults to none; the
            option ``data`` names the config of the images then.
        options (Mapping): Flags of ``mmseg-weak label`` without their dashes, ``_`` for
            ``-``; several words as a list, True for a flag alone, None or an empty list
            for none.
        inputs (Sequence[str]): Further files it reads.
    """

    network: str | Sequence[str] = ()
    options: Mapping = field(default_factory=dict)
    command: Sequence[str] = field(default=(), init=False)
    outputs: Sequence[str] = field(default=(), init=False)

    def expand(self, trainings: Mapping[str, 'Train'], values: Mapping) -> Command:
        """``mmseg-weak label``."""
        names = [self.network] if isinstance(self.network, str) else self.network
        names = [name for name in names or () if name]
        peers = []
        for name in names:
            peers += [self._training(trainings, name).config, f'{{{name}.checkpoint}}']
        data = self.options.get('data')
        if not peers and not data:
            raise ValueError(
                f'stage {self.name!r} has no network: name a training, or put the config '
                'of the images into options as data'
            )
        words = ['mmseg_weak', 'label', *peers, '--out', '{stage}', *_flags(self.options)]
        words += ['--workers', '{workers}', '--device', '{device}']
        words += ['{label_options}', '{data_options}']
        outputs = ['{stage}/report.json', '{stage}/manifest.json']
        return self._command(words, [*peers, *([data] if data else [])], outputs)


@dataclass(frozen=True, kw_only=True)
class Test(Command):
    """The scores of a trained network.

    Attributes:
        network (str): Training whose network is tested.
        config (str, optional): Defaults to that of the training.
        tta (bool): Several scales and flip. Defaults to False.
    """

    network: str
    config: str | None = None
    tta: bool = False
    command: Sequence[str] = field(default=(), init=False)
    outputs: Sequence[str] = field(default=(), init=False)

    def expand(self, trainings: Mapping[str, 'Train'], values: Mapping) -> Command:
        """``mmseg-weak test``."""
        training = self._training(trainings, self.network)
        config = self.config or training.config
        inputs = [config, f'{{{self.network}.checkpoint}}']
        metrics = '{stage}/metrics.json'
        words = ['mmseg_weak', 'test', *inputs, '--work-dir', '{stage}']
        words += [*(['--tta'] if self.tta else []), '--metrics-out', metrics]
        return self._command([*words, '{test_options}'], inputs, [metrics])


TYPES = {cls.__name__: cls for cls in (Train, Label, Test, Command)}
LISTS, DICTS = ('command', 'inputs', 'outputs'), ('env', 'options')


def stage_from(entry: Mapping, env: Mapping[str, str]) -> Command:
    """A typed stage from its dict, whose ``name`` is checked already.

    Args:
        entry (Mapping): The dict.
        env (Mapping[str, str]): Variables of all stages of the list.

    Raises:
        ValueError: An attribute is unknown, absent or of the wrong kind.
    """
    rest = {key: value for key, value in entry.items() if key != 'type'}
    name, kind = entry['name'], entry.get('type', 'Command')
    if kind not in TYPES:
        given = shortened(repr(kind))
        raise ValueError(
            f'stage {name!r} has the type {given}; there are {", ".join(TYPES)}'
        )
    known = {item.name: item for item in fields(TYPES[kind]) if item.init}
    unknown = set(rest) - set(known)
    if unknown:
        entry = shortened(repr(min(unknown)))
        raise ValueError(f'stage {name!r} has an unknown entry {entry}')
    for key, item in known.items():
        needed = item.default is MISSING and item.default_factory is MISSING
        if needed and not rest.get(key):
            raise ValueError(f'stage {name!r} has no {key}')
    for keys, kinds, word in ((LISTS, (list, tuple), 'list'), (DICTS, Mapping, 'dict')):
        for key in keys:
            if key in rest and not isinstance(rest[key], kinds):
                raise ValueError(f'{key} of stage {name!r} must be a {word}')
    return TYPES[kind](**{**rest, 'env': {**env, **rest.get('env', {})}})


def _program(processes: int, config: str) -> list[str]:
    """What follows ``python -m`` to train."""
    if not isinstance(processes, int) or processes < 1:
        raise ValueError(f'processes must be a whole number, such as 4, got {processes!r}')
    if processes == 1:
        return ['mmseg_weak', 'train', config]
    launch = ['torch.distributed.run', '--nproc_per_node={processes}', '-m']
    return [*launch, 'mmseg_weak', 'train', config, '--launcher', 'pytorch']


def _flags(options: Mapping) -> list[str]:
    """Words of a command line."""
    words = []
    for key, value in options.items():
        if value is None or value is False or value == []:
            continue
        words.append('--' + key.replace('_', '-'))
        if isinstance(value, (list, tuple)):
            words += value
        elif value is not True:
            words.append(value)
    return words


def _read(path: str, env: Mapping[str, str]) -> Config:
    """A training config as the stage's process reads it."""
    before = dict(os.environ)
    os.environ.update(env)
    try:
        return read_config(path, import_custom_modules=False)
    finally:
        os.environ.clear()
        os.environ.update(before)
