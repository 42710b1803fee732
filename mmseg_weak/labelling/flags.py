"""Options of a labeller as flags, and which labeller a command line means."""

import argparse
import inspect
import os
import re
import types
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import MISSING, Field, fields
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from ..apis.cfg_options import MergedDictAction
from ..configs import read_config
from ..models import declarations
from ..registry import LABELLERS
from .labellers.base import Labeller
from .networks import Network

DEFAULT = 'segmentor'
# An attribute in a docstring, up to the next one or the next section.
ATTRIBUTE = re.compile(r'^    (\w+) \(.*?\): (.*?)(?=^    \w|^\w|^\n|\Z)', re.S | re.M)


def labellers() -> list[type[Labeller]]:
    """All that are registered, the newest first."""
    LABELLERS.import_from_location()
    return list(dict.fromkeys(LABELLERS.module_dict.values()))[::-1]


def find_labeller(
    parser: argparse.ArgumentParser, words: Sequence[str]
) -> tuple[type[Labeller], dict]:
    """The labeller of a command line: the one it names, the newest that its options mean,
    or what its networks declare.

    Args:
        parser (ArgumentParser): Of the options of all labellers; gets those of each.
        words (Sequence[str]): The command line. ``--labeller`` is a registered name, or a
            Python file with ``labeller = dict(type=..., ...)``.

    Returns:
        tuple: The class, and what the file and the networks say of its options.

    Raises:
        FileNotFoundError, ValueError: There is no such labeller or option, or networks are
            not pairs of config and checkpoint.
    """
    name, options = _read_labeller(words)
    for one in labellers():
        add_flags(parser, one)
    given, peers = parser.parse_known_args(words)
    if unknown := [word for word in peers if word.startswith('-')]:
        raise ValueError(f'there is no option {unknown[0]}; --help lists them')
    if len(peers) % 2:
        raise ValueError(
            f'peers are pairs of config and checkpoint, got {len(peers)} names'
        )
    if peers:
        options['peers'] = [Network.of(pair) for pair in zip(peers[::2], peers[1::2])]
    if name is None:
        meant = (one for one in labellers() if one.suits(vars(given).keys()))
        return next(meant, None) or _declared(options.get('peers', ())), options
    found = LABELLERS.get(name)
    if found is None:
        names = ', '.join(sorted(one.__name__ for one in labellers()))
        raise ValueError(f'there is no labeller {name!r}, only {names}')
    return found, options


def _read_labeller(words: Sequence[str]) -> tuple[str | None, dict]:
    """Name and options of the labeller; a file may also register it."""
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    parser.add_argument('--labeller')
    name = parser.parse_known_args(words)[0].labeller
    if name is None or not name.endswith('.py'):
        return name, {}
    options = read_config(name).to_dict().get('labeller')
    if not isinstance(options, dict) or not isinstance(options.get('type'), str):
        raise ValueError(f'{name} has no labeller = dict(type=..., ...)')
    return options.pop('type'), options


def _declared(peers: Sequence[Network]) -> type[Labeller]:
    """What the segmentor classes of networks ask for; the others label with any."""
    configs = [peer.config for peer in peers if os.path.isfile(peer.config)]
    names = [declarations(read_config(config).model).labeller for config in configs]
    return LABELLERS.get(next((name for name in names if name != DEFAULT), DEFAULT))


def add_flags(parser: argparse.ArgumentParser, labeller: type[Labeller]) -> None:
    """Add the options of a labeller, in a group of their own.

    A flag that is not given leaves no trace in the result, so that the defaults are those
    of the labeller.
    """
    group = parser.add_argument_group(
        labeller.__name__, inspect.getdoc(labeller).split('\n')[0]
    )
    hints, texts = get_type_hints(labeller), _texts(labeller)
    for option in options_of(labeller):
        group.add_argument(
            flag_of(labeller, option),
            dest=option.name,
            default=argparse.SUPPRESS,
            help=texts.get(option.name, '').replace('%', '%%') + _told(option.default),
            **_how(hints[option.name], option.default),
        )


def _told(default: Any) -> str:
    if default in (None, MISSING) or isinstance(default, bool):
        return ''
    words = default if isinstance(default, tuple) else [default]
    return f' Default {" ".join(map(str, words))}.'


def options_of(labeller: type[Labeller]) -> Iterator[Field]:
    """Fields that a flag sets."""
    return (option for option in fields(labeller) if option.name != 'peers')


def flag_of(labeller: type[Labeller], option: Field) -> str:
    """Name of an option on the command line."""
    negation = 'no-' if option.default is True else ''
    default = f'--{negation}{option.name.replace("_", "-")}'
    return labeller.flags.get(option.name, default)


def refuse_foreign(words: Sequence[str], labeller: type[Labeller]) -> None:
    """Refuse flags of other labellers, which would do nothing here.

    Args:
        words (Sequence[str]): Flags that this labeller does not have.
        labeller (type[Labeller]): What labels.

    Raises:
        ValueError: There is one; the message names whose it is.
    """
    for flag in (word.split('=')[0] for word in words):
        owners = [
            one.__name__
            for one in labellers()
            if flag in {flag_of(one, option) for option in options_of(one)}
        ]
        raise ValueError(
            f'{flag} has no effect on {labeller.makes} ({labeller.__name__}); it is an '
            f'option of {", ".join(sorted(owners))}'
        )


def print_help(parser: argparse.ArgumentParser) -> None:
    """Print the help of a parser and of all labellers, and leave."""
    parser.print_help()
    for one in labellers():
        own = argparse.ArgumentParser(usage=argparse.SUPPRESS, add_help=False)
        add_flags(own, one)
        print(f'\n{own.format_help().strip()}')
    parser.exit()


def _texts(labeller: type) -> dict[str, str]:
    """What docstrings say of attributes, by name; a subclass has the last word."""
    found = {}
    for base in reversed(labeller.__mro__):
        for name, text in ATTRIBUTE.findall(inspect.getdoc(base) or ''):
            found[name] = ' '.join(text.split()).replace('``', '')
    return found


def _how(hint: Any, default: Any) -> dict[str, Any]:
    """Arguments of ``add_argument`` for a type and a default."""
    if isinstance(default, bool):
        return dict(action='store_false' if default else 'store_true')
    kinds = [hint]
    if get_origin(hint) in (Union, types.UnionType):
        kinds = [kind for kind in get_args(hint) if kind is not types.NoneType]
    kind = kinds[0]
    if kind is Network:
        return dict(nargs=2, metavar=('CONFIG', 'CHECKPOINT'))
    if get_origin(kind) is Literal:
        return dict(choices=get_args(kind))
    if get_origin(kind) is tuple:
        return dict(nargs=len(get_args(kind)), type=get_args(kind)[0])
    if get_origin(kind) is Sequence:
        return dict(nargs='+', type=get_args(kind)[0])
    if kind is Mapping:
        return dict(nargs='+', action=MergedDictAction, metavar='KEY=VALUE')
    if {float, str} <= set(kinds):
        return dict(type=_number_or_text)
    return dict(type=kind)


def _number_or_text(text: str) -> float | str:
    try:
        return float(text)
    except ValueError:
        return text
