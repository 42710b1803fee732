"""Losses of heads refuse an impossible factor and say which loss."""

import math

import pytest
from mmseg.registry import MODELS

import mmseg_weak.models.losses as losses
from mmseg_weak.models.losses.reduction import WeightedLoss

WEIGHTED = [
    kind
    for kind in vars(losses).values()
    if isinstance(kind, type)
    and issubclass(kind, WeightedLoss)
    and kind is not losses.ImageLoss  # a base, not registered
]


def test_losses_of_heads_are_found():
    assert len(WEIGHTED) == 12


@pytest.mark.parametrize('kind', WEIGHTED)
@pytest.mark.parametrize('weight', [-1.0, math.nan, math.inf])
def test_impossible_factor_names_the_loss(kind, weight):
    with pytest.raises(ValueError, match=rf'{kind.__name__}: loss_weight .*{weight}'):
        MODELS.build(dict(type=kind.__name__, loss_weight=weight))


@pytest.mark.parametrize('kind', WEIGHTED)
def test_name_can_be_chosen(kind):
    assert MODELS.build(dict(type=kind.__name__, loss_name='loss_x')).loss_name == 'loss_x'
