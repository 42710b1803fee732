"""Ranges of options, written where the option is: in the signature.

Annotate an argument with :data:`Share` or another :class:`Interval`, or with ``Literal``,
and put :func:`check_ranges` on the function, class or dataclass. What lies outside ends in
one line that names owner, option, range and value.
"""

import functools
import inspect
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, is_dataclass
from numbers import Integral, Real
from typing import Annotated, Any, Literal, get_args, get_origin, get_type_hints


@dataclass(frozen=True)
class Interval:
    """Finite numbers of a range.

    Attributes:
        low, high (float): Its ends; inside it, unless it is open.
        is_open (bool): Whether ``low`` itself is outside.
        says (str): Words for ``NAME must be ...`` instead of those made of the ends.
    """

    low: float = -math.inf
    high: float = math.inf
    is_open: bool = False
    says: str = ''

    def __contains__(self, value: Any) -> bool:
        if not isinstance(value, Real) or isinstance(value, bool):
            return False
        above = value > self.low if self.is_open else value >= self.low
        return bool(above and value <= self.high and math.isfinite(value))

    def __str__(self) -> str:
        if self.says:
            return self.says
        if self.high < math.inf:
            return f'in {"(" if self.is_open else "["}{self.low:g}, {self.high:g}]'
        return f'finite and {">" if self.is_open else ">="} {self.low:g}'


Share = Annotated[float, Interval(0, 1)]
NonNegative = Annotated[float, Interval(0)]
Positive = Annotated[float, Interval(0, is_open=True)]
Count = Annotated[int, Interval(1, says='a whole number >= 1')]
CountOrZero = Annotated[int, Interval(0, says='a whole number >= 0')]


def check_ranges(target: Callable) -> Callable:
    """Check the annotated arguments of a function or of a class at every call.

    Args:
        target (Callable): A function, or a class, whose ``__init__`` is changed in place.
            Of a dataclass, put it above ``@dataclass``.

    Returns:
        Callable: The checked function, or the class.
    """
    if isinstance(target, type):
        target.__init__ = check_ranges(target.__init__)
        return target
    signature, hints = inspect.signature(target), _ranges(target)

    @functools.wraps(target)
    def checked(*args, **kwargs):
        try:
            given = signature.bind(*args, **kwargs).arguments
        except TypeError:  # the call itself says it better
            return target(*args, **kwargs)
        owner = type(given['self']) if 'self' in given else target
        # A dataclass holds the options of another, who adds its own name.
        prefix = '' if is_dataclass(owner) else f'{owner.__name__}: '
        for key in hints.keys() & given.keys():
            _check(prefix + key, hints[key], given[key])
        return target(*args, **kwargs)

    return checked


def check_options(name: str, function: Callable, options: Mapping[str, Any]) -> None:
    """Check keyword arguments for a function before it is called.

    Args:
        name (str): Whose options they are, for the error.
        function (Callable): The function.
        options (Mapping): Of it.

    Raises:
        ValueError: It has no such argument, or a value is outside its range.
    """
    known, hints = inspect.signature(function).parameters, _ranges(function)
    for key, value in options.items():
        if key not in known:
            optional = [k for k, p in known.items() if p.default is not p.empty]
            raise ValueError(f'{name} has no option {key!r}, only {", ".join(optional)}')
        if key in hints:
            _check(f'{name}: {key}', hints[key], value)


def _ranges(function: Callable) -> dict[str, Any]:
    hints = get_type_hints(function, include_extras=True)
    return {k: v for k, v in hints.items() if k != 'return' and _is_range(v)}


def _is_range(hint: Any) -> bool:
    if get_origin(hint) is Annotated:
        return any(isinstance(extra, Interval) for extra in hint.__metadata__)
    return get_origin(hint) is Literal or any(map(_is_range, get_args(hint)))


def _check(name: str, hint: Any, value: Any) -> None:
    """Refuse a value that no part of its hint allows."""
    parts = [hint] if get_origin(hint) in (Annotated, Literal) else get_args(hint)
    problems = []
    for part in parts:
        if get_origin(part) is Literal:
            choices = get_args(part)
            if any(value is choice or value == choice for choice in choices):
                return
            problems.append(f'one of {", ".join(map(str, choices))}')
        elif get_origin(part) is Annotated:
            kind, interval = part.__origin__, part.__metadata__[0]
            if value in interval and (kind is not int or isinstance(value, Integral)):
                return
            problems.append(str(interval))
        elif isinstance(value, part):
            return
    raise ValueError(f'{name} must be {" or ".join(problems)}, got {value!r}')
