# The same with the edges of HED, which learnt from drawn boundaries:
# docs/pseudo_labels.md.
_base_ = 'stages_labels_1xb8-1500_voc-animals-160x160.py'
how = dict(
    labeller=__import__('mmseg_weak').config_path('_base_/labellers/hed_crf.py'),
    refinement=None,
    refinement_options=None,
)
