"""What a format is: how to tell it by its content, to read it, to write it."""

from dataclasses import dataclass

from .collector import Collector
from .source import Source


@dataclass(frozen=True)
class ReadOptions:
    """What a user can say about a source.

    Attributes:
        class_key (str, optional): Property or attribute that holds the class, for formats
            in which the user names it.
        machine_labels (bool): Take labels set by a machine too. Defaults to False.
    """

    class_key: str | None = None
    machine_labels: bool = False


class Format:
    """One foreign format; subclasses are registered in ``mmseg_weak.registry.READERS``.

    Attributes:
        title (str): Name for people.
        suffixes (tuple[str, ...]): Ends of its files' names, the usual one first.
        holds (tuple[str, ...]): Of ``points``, ``lines``, ``no``, ``tags``.
        per_image (bool): One file an image, so that a folder is one source.
    """

    title = ''
    suffixes: tuple[str, ...] = ('.json',)
    holds: tuple[str, ...] = ('points',)
    per_image = False

    @staticmethod
    def sniff(source: Source) -> bool:
        """Whether the content of a file is of this format."""
        raise NotImplementedError

    @staticmethod
    def read(source: Source, out: Collector, options: ReadOptions) -> None:
        """Hand every entry of a file to ``out``.

        May raise KeyError, TypeError, IndexError, AttributeError or ValueError at a broken
        entry: the caller adds file, image and entry to the message.
        """
        raise NotImplementedError
