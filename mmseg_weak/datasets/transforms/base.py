"""What transforms of this package share."""

import inspect

from mmcv.transforms import BaseTransform


class Transform(BaseTransform):
    """A transform that prints as it is written; options are attributes of their names."""

    def __repr__(self) -> str:
        names = [n for n in inspect.signature(type(self)).parameters if hasattr(self, n)]
        options = ', '.join(f'{name}={getattr(self, name)!r}' for name in names)
        return f'{type(self).__name__}({options})'
