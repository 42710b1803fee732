"""Options ``key=value`` of a command line."""

from mmengine.config import DictAction


class MergedDictAction(DictAction):
    """mmengine's ``DictAction``, but options given twice add up.

    A list of stages adds options of its own to a command that already has some; argparse
    would let the second ``--cfg-options`` replace the first. Of a key given twice the last
    value counts.
    """

    def __call__(self, parser, namespace, values, option_string=None) -> None:
        """Add the values to those that are there."""
        for word in values:
            if '=' not in word:
                parser.error(f'{option_string}: expected key=value, got {word!r}')
        before = getattr(namespace, self.dest, None) or {}
        super().__call__(parser, namespace, values, option_string)
        setattr(namespace, self.dest, {**before, **getattr(namespace, self.dest)})
