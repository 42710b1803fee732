"""What a method says of itself; the tools ask it and list no method by name."""

import copy
import inspect
from collections import OrderedDict
from collections.abc import Mapping
from typing import ClassVar

from mmseg.registry import MODELS
from torch import Tensor, nn


class WeakSegmentor:
    """Base of a method's segmentor, beside mmseg's ``EncoderDecoder``.

    Every declaration has a default, which is what holds for a stock model. They are
    inherited; docs/extending.md shows a method that uses them.

    Attributes:
        stock_type (str, optional): Registered mmseg model that tests as this one does. None
            (default): the model cannot be exported.
        branches (tuple[str]): What can be exported; the first is the default.
        training_only (tuple[str]): Sub-modules that predictions do without.
        needs_hooks (dict): Attribute of the model, and the registered hook that it needs
            when it is not None, with what happens otherwise:
            ``dict(part=('MyHook', 'there is no ...'))``.
        own_metrics (tuple[str]): Metrics of what only this model predicts.
        extra_predictions (dict): Title in pictures, and field of the predicted
            ``SegDataSample`` with a label map beside ``pred_sem_seg``.
        scores_are_maps (bool): ``seg_logits`` are activation maps in [0, 1].
        labeller (str): Registered labeller that makes pseudo-labels with it.
    """

    stock_type: ClassVar[str | None] = None
    branches: ClassVar[tuple[str, ...]] = ('segmentation',)
    training_only: ClassVar[tuple[str, ...]] = ()
    needs_hooks: ClassVar[Mapping[str, tuple[str, str]]] = {}
    own_metrics: ClassVar[tuple[str, ...]] = ()
    extra_predictions: ClassVar[Mapping[str, str]] = {}
    scores_are_maps: ClassVar[bool] = False
    labeller: ClassVar[str] = 'segmentor'

    @classmethod
    def training_options(cls) -> frozenset[str]:
        """Entries of the config that the stock model does not have."""
        return _options(cls) - _options(MODELS.get(cls.stock_type or 'EncoderDecoder'))

    @classmethod
    def as_stock(
        cls, model: Mapping, state: Mapping[str, Tensor], branch: str = 'segmentation'
    ) -> tuple[dict, OrderedDict]:
        """Config and weights of the stock model that tests as this one does.

        Args:
            model (dict): Config of the model.
            state (Mapping[str, Tensor]): Its ``state_dict``.
            branch (str): One of ``branches``.

        Returns:
            tuple[dict, OrderedDict]: Config and weights, which load strictly. Parts of this
            package may be left in the config: the export asks them for their stock form.

        Raises:
            ValueError: There is no such model.
        """
        if cls.stock_type is None:
            raise ValueError(f'{cls.__name__} has no stock form to export (stock_type)')
        kept = {k: v for k, v in model.items() if k not in cls.training_options()}
        return (
            dict(copy.deepcopy(kept), type=cls.stock_type),
            without_parts(state, cls.training_only),
        )

    @classmethod
    def files(cls, model: Mapping) -> dict[str, str]:
        """Files that a training needs: entry of the model's config to path."""
        return {}


def declarations(model: Mapping | nn.Module | type) -> type[WeakSegmentor]:
    """Who to ask about a model: its class, or the defaults for stock models.

    Args:
        model (Mapping | nn.Module | type): Config, module or class.
    """
    kind = model if isinstance(model, type) else type(model)
    if isinstance(model, Mapping):
        kind = model.get('type')
        kind = MODELS.get(kind) if isinstance(kind, str) else kind
    declares = isinstance(kind, type) and issubclass(kind, WeakSegmentor)
    return kind if declares else WeakSegmentor


def without_parts(state: Mapping[str, Tensor], parts: tuple[str, ...]) -> OrderedDict:
    """Weights that belong to none of the named sub-modules."""
    prefixes = tuple(f'{part}.' for part in parts)
    return OrderedDict((k, v) for k, v in state.items() if not k.startswith(prefixes))


def _options(kind: type) -> frozenset[str]:
    """Named arguments of the constructors of a class and its parents."""
    return frozenset(
        name
        for parent in kind.__mro__
        if '__init__' in vars(parent)
        for name, parameter in inspect.signature(parent.__init__).parameters.items()
        if parameter.kind not in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD)
    ) - {'self'}
