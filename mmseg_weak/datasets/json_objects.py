"""JSON files whose objects name every key once."""

import json
from pathlib import Path


class DuplicateKeyError(Exception):
    """A JSON object names a key twice; ``json`` would silently drop the first."""


def parse_json(path: str, text: str) -> object:
    """Parse the text of a file.

    Args:
        path (str): The file, for messages.
        text (str): Its content.

    Returns:
        object: What it holds.

    Raises:
        ValueError: It is not valid JSON, nested too deeply, has an integer of thousands of
            digits, or an object names a key twice.
    """
    try:
        return json.loads(text, object_pairs_hook=_distinct_keys)
    except ValueError as error:  # JSONDecodeError, or an integer of thousands of digits
        reason = str(error).split(';')[0]
        raise ValueError(f'{path}: not valid JSON ({reason})') from None
    except RecursionError:
        raise ValueError(f'{path}: not valid JSON (nested too deeply)') from None
    except DuplicateKeyError as error:
        raise ValueError(f'{path}: the key {error} occurs twice') from None


def parse_json_object(path: str, text: str, expected: str) -> dict:
    """Parse the text of a file whose top level is an object.

    Args:
        path (str): The file, for messages.
        text (str): Its content.
        expected (str): What the object should look like, for messages.

    Returns:
        dict: The object.

    Raises:
        ValueError: See :func:`parse_json`, or it is no object.
    """
    content = parse_json(path, text)
    if not isinstance(content, dict):
        raise ValueError(
            f'{path}: expected an object {expected}, got {type(content).__name__}'
        )
    return content


def read_object(path: Path) -> dict:
    """Content of a JSON file; empty where it is absent, damaged, or no object."""
    try:
        content = json.loads(path.read_text(encoding='utf-8'))
    except (OSError, ValueError, RecursionError):
        return {}
    return content if isinstance(content, dict) else {}


def _distinct_keys(pairs: list[tuple[str, object]]) -> dict:
    content = dict(pairs)
    if len(content) < len(pairs):
        seen: set[str] = set()
        # `add` returns None: the first name that was there before is taken.
        raise DuplicateKeyError(next(n for n, _ in pairs if n in seen or seen.add(n)))
    return content
