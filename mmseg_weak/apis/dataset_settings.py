"""Data sets in a config."""

from collections.abc import Callable, Iterator, Mapping


def single_datasets(
    settings: Mapping, is_whole: Callable[[Mapping], bool] | None = None
) -> Iterator[dict]:
    """Settings of a data set, or of those inside wrappers such as ``ConcatDataset``.

    Args:
        settings (Mapping): Of a data set.
        is_whole (Callable, optional): Tells of settings that are not looked into. Defaults
            to None, all are.

    Yields:
        dict: The settings themselves, not copies.
    """
    inner = settings.get('datasets') or [settings[k] for k in ('dataset',) if k in settings]
    if not inner or (is_whole is not None and is_whole(settings)):
        yield settings
        return
    for one in inner:
        yield from single_datasets(one, is_whole)


def step_name(step: Mapping) -> str:
    """Name of a pipeline's step, whose type is a name, a path or a class."""
    kind = step['type']
    return kind.rsplit('.', 1)[-1] if isinstance(kind, str) else kind.__name__
