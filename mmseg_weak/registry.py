"""Registries of what this package adds to the toolbox's own.

Models, data sets, transforms, hooks and metrics stand in ``mmseg.registry``. What the
toolbox has no registry for stands here; ``docs/extending.md`` shows how to add to each.
"""

from mmengine.registry import Registry

# The scope is mmseg's, so `default_scope = 'mmseg'` finds them without a prefix.
REFINEMENTS = Registry('refinement', scope='mmseg', locations=['mmseg_weak.refinement'])
READERS = Registry('reader', scope='mmseg', locations=['mmseg_weak.datasets.formats'])
WRITERS = Registry('writer', scope='mmseg', locations=['mmseg_weak.datasets.formats'])
LABELLERS = Registry('labeller', scope='mmseg', locations=['mmseg_weak.labelling'])
