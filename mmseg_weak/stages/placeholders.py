"""What may stand in braces in a list of stages."""

import re
import sys
from collections.abc import Mapping
from pathlib import Path

from .. import config_path
from .._messages import reason_of, shortened
from .typed import DEFAULTS, Train

TOOLS = Path(__file__).resolve().parents[2] / 'tools'
PLACEHOLDER = re.compile(r'\{(\w+)\}')
# Of no influence on a result: where the interpreter and the folders are.
PLACES = ('python', 'tools', 'work_dir')


class _Folder(str):
    """Folder of a training; its attribute ``checkpoint`` can stand in a text."""

    checkpoint: str


class Table:
    """What the placeholders of a list stand for.

    Args:
        config (Mapping): The list with its values.
        root (Path): Work dir of all stages.
        seed (int): Value of ``{seed}``.
        names (list[str]): Of the stages.
    """

    def __init__(self, config: Mapping, root: Path, seed: int, names: list[str]) -> None:
        values = {**DEFAULTS, **config}
        del values['stages']
        kinds = (str, int, float, list, dict)
        values = {k: _shipped(v) for k, v in values.items() if isinstance(v, kinds)}
        values.update(python=sys.executable, tools=str(TOOLS), seed=seed)
        values.update({name: str(root / name) for name in names}, work_dir=str(root))
        self.root, self.values = root, values
        # In a recipe these stay as they are.
        neutral = (*PLACES, *names, *values['neutral'])
        self.fixed = {**values, **{key: f'{{{key}}}' for key in neutral}}

    def whole(self, value):
        """Put lists and dicts in the place of texts that are nothing but their name."""
        if isinstance(value, Mapping):
            return {key: self.whole(item) for key, item in value.items()}
        if isinstance(value, (list, tuple)):
            items: list = []
            for old in value:
                new = self.whole(old)
                # The name of a list stands for its items.
                spliced = isinstance(old, str) and isinstance(new, list)
                items += new if spliced else [new]
            return items
        match = PLACEHOLDER.fullmatch(value) if isinstance(value, str) else None
        found = self.values.get(match[1]) if match else None
        return self.whole(found) if isinstance(found, (list, dict)) else _shipped(value)

    def add_checkpoint(self, stage: Train) -> None:
        """Find out what a training leaves."""
        options = [*self.values['train_options'], *self.values['data_options']]
        options += [f'{key}={value}' for key, value in stage.options.items()]
        config = self.fill(stage.config, stage.name)
        env = {key: self.fill(value, stage.name) for key, value in stage.env.items()}
        words = [str(word) for word in options if str(word).startswith('train_cfg.')]
        words = [self.fill(word, stage.name) for word in words]
        name = stage.last_checkpoint(config, words, env)
        for table in (self.values, self.fixed):
            folder = _Folder(table[stage.name])
            folder.checkpoint = f'{folder}/{name}'
            table[stage.name] = folder

    def fill(self, text, stage: str, fixed: bool = False) -> str:
        """A text of a stage with its placeholders filled in.

        Args:
            text: Anything that ``str`` takes.
            stage (str): Name of the stage.
            fixed (bool): Leave in what has no influence on a result. Defaults to False.
        """
        table = self.fixed if fixed else self.values
        own = _Folder('{stage}' if fixed else table[stage])
        if hasattr(table[stage], 'checkpoint'):
            own.checkpoint = f'{own}/{Path(table[stage].checkpoint).name}'
        try:
            return str(text).format_map({**table, 'stage': own})
        except KeyError as error:
            word = shortened(error.args[0])
            raise ValueError(
                f'stage {stage!r} uses {{{word}}}, which is neither a stage nor a '
                'value of the config'
            ) from None
        except AttributeError:
            raise ValueError(
                f'stage {stage!r}: {shortened(text)!r} asks for the checkpoint of a stage '
                'that is no training'
            ) from None
        except (ValueError, IndexError) as error:
            raise ValueError(
                f'stage {stage!r}: {shortened(text)!r} has a mistake in its braces '
                f'({reason_of(error)}); a brace itself is written twice'
            ) from None


def _shipped(value):
    """Path of a shipped config that is not below the current folder."""
    shipped = isinstance(value, str) and value.startswith('configs/')
    if not shipped or Path(value).exists():
        return value
    try:
        return config_path(value)
    except FileNotFoundError:
        return value
