"""Options ``key=value`` of a command line."""

import ast

from mmengine.config import DictAction


class MergedDictAction(DictAction):
    """mmengine's ``DictAction``, but options given twice add up, and values may be dicts.

    A list of stages adds options of its own to a command that already has some; argparse
    would let the second ``--cfg-options`` replace the first. Of a key given twice the last
    value counts. mmengine takes ``[dict(type='A')]`` for text without end.
    """

    def __call__(self, parser, namespace, values, option_string=None) -> None:
        """Add the values to those that are there."""
        plain, nested = [], {}
        for word in values:
            key, is_pair, value = word.partition('=')
            if not is_pair:
                parser.error(f'{option_string}: expected key=value, got {word!r}')
            elif 'dict(' in value or '{' in value:
                try:
                    nested[key] = _literal(value)
                except (SyntaxError, ValueError) as error:
                    parser.error(f'{option_string} {word}: no value of Python ({error})')
            else:
                plain.append(word)
        before = getattr(namespace, self.dest, None) or {}
        super().__call__(parser, namespace, plain, option_string)
        setattr(namespace, self.dest, {**before, **getattr(namespace, self.dest), **nested})


class _Dicts(ast.NodeTransformer):
    """Calls of ``dict`` as braces."""

    def visit_Call(self, node: ast.Call) -> ast.AST:
        self.generic_visit(node)
        if not isinstance(node.func, ast.Name) or node.func.id != 'dict' or node.args:
            return node
        keys = [ast.Constant(keyword.arg) for keyword in node.keywords]
        return ast.Dict(keys, [keyword.value for keyword in node.keywords])


def _literal(text: str) -> object:
    """Value of literals and ``dict(…)``; nothing is run."""
    return ast.literal_eval(_Dicts().visit(ast.parse(text.strip(), mode='eval')))
