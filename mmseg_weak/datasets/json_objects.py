"""JSON files whose top level is an object keyed by image."""

import json


class DuplicateKeyError(Exception):
    """A JSON object names a key twice; ``json`` would silently drop the first."""


def parse_json_object(path: str, text: str, expected: str) -> dict:
    """Parse the text of a file.

    Args:
        path (str): The file, for messages.
        text (str): Its content.
        expected (str): What the object should look like, for messages.

    Returns:
        dict: The object.

    Raises:
        ValueError: It is not valid JSON, no object, or names a key twice.
    """
    try:
        content = json.loads(text, object_pairs_hook=_distinct_keys)
    except json.JSONDecodeError as error:
        raise ValueError(f'{path}: not valid JSON ({error})') from None
    except DuplicateKeyError as error:
        raise ValueError(f'{path}: the key {error} occurs twice') from None
    if not isinstance(content, dict):
        raise ValueError(
            f'{path}: expected an object {expected}, got {type(content).__name__}'
        )
    return content


def _distinct_keys(pairs: list[tuple[str, object]]) -> dict:
    content = dict(pairs)
    if len(content) < len(pairs):
        names = [name for name, _ in pairs]
        raise DuplicateKeyError(next(n for n in names if names.count(n) > 1))
    return content
