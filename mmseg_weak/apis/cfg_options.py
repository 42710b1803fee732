"""Options ``key=value`` of a command line."""

import ast
import re

from mmengine.config import DictAction


class MergedDictAction(DictAction):
    """mmengine's ``DictAction``, but options given twice add up, and values may be dicts.

    A list of stages adds options of its own to a command that already has some; argparse
    would let the second ``--cfg-options`` replace the first. Of a key given twice the last
    value counts. mmengine takes ``[dict(type='A')]`` for text without end.
    """

    def __call__(self, parser, namespace, values, option_string=None) -> None:
        """Add the values to those that are there."""
        options = dict(getattr(namespace, self.dest, None) or {})
        for word in values:
            key, is_pair, value = word.partition('=')
            if not is_pair:
                parser.error(f'{option_string}: expected key=value, got {word!r}')
            try:
                found = self._value(value)
            except (AssertionError, SyntaxError, TypeError, ValueError):
                parser.error(
                    f'{option_string}: {word!r} is not a value of Python (texts in a dict '
                    "need quotes: type='A')"
                )
            options.pop(key, None)  # the last one counts, in its order too
            options[key] = found
        setattr(namespace, self.dest, options)

    def _value(self, text: str) -> object:
        text = text.strip()
        nested = text.startswith(('{', '[', '(', 'dict('))
        if not nested or not re.search(r'dict\(|\{(?!\w+\})', text):
            return self._parse_iterable(text)  # names without quotes, {placeholders}
        return _literal(text)


class _Dicts(ast.NodeTransformer):
    """Calls of ``dict`` as braces."""

    def visit_Call(self, node: ast.Call) -> ast.AST:
        self.generic_visit(node)
        if not isinstance(node.func, ast.Name) or node.func.id != 'dict' or node.args:
            return node
        if any(keyword.arg is None for keyword in node.keywords):
            return node
        keys = [ast.Constant(keyword.arg) for keyword in node.keywords]
        return ast.Dict(keys, [keyword.value for keyword in node.keywords])


def _literal(text: str) -> object:
    """Value of literals and ``dict(…)``; nothing is run."""
    return ast.literal_eval(_Dicts().visit(ast.parse(text, mode='eval')))
