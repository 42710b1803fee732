"""From the class that a file names to its id."""

import difflib
import unicodedata
from collections.abc import Sequence

from .._messages import shortened

# What is longer is no misspelt name of a class.
LONGEST = 100


class ClassResolver:
    """Turn the class entry of a click, an id or a name, into the id.

    Args:
        classes (Sequence[str]): Class names; the id of a class is its position.
        first_id (int): Id of ``classes[0]``: 1 for data sets with
            ``reduce_zero_label``, whose id 0 means "ignore". Defaults to 0.
    """

    def __init__(self, classes: Sequence[str], first_id: int = 0) -> None:
        self.ids = {name: i + first_id for i, name in enumerate(classes)}
        self.num_ids = len(classes) + first_id

    def __call__(self, value: object) -> int:
        """Resolve one entry.

        Raises:
            ValueError: The name or id does not exist; the message says what does.
        """
        if isinstance(value, str) and value.strip() in self.ids:
            return self.ids[value.strip()]
        number = as_integer(value)
        if number is not None:
            if 0 <= number < self.num_ids:
                return number
            hint = '; are ids counted from 1?' if number == self.num_ids else ''
            raise ValueError(
                f'unknown class id {number}, the data set has 0 to {self.num_ids - 1}{hint}'
            )
        raise ValueError(
            f'unknown class {shortened(repr(value))}{self._hint(str(value)[:LONGEST])} '
            f'(classes: {shortened(", ".join(self.ids), 200)})'
        )

    def _hint(self, value: str) -> str:
        """What an unknown name may be meant for."""
        plain = {unicodedata.normalize('NFC', name): name for name in self.ids}
        same = plain.get(unicodedata.normalize('NFC', value.strip()))
        if same is not None:
            return f', {same!r} in another Unicode form (NFC and NFD); write them alike'
        close = difflib.get_close_matches(value, list(self.ids), n=1)
        return f', did you mean {close[0]!r}?' if close else ''


def as_integer(value: object) -> int | None:
    """The whole number that ``value`` (int, float or text) stands for, or None."""
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return int(number) if number.is_integer() else None
