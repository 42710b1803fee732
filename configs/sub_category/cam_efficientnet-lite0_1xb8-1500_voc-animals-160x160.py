# A classifier of tags on the default network; for the rounds of sub-categories the control
# with as many iterations.
_base_ = [
    '../_base_/models/cam_efficientnet-lite0.py',
    '../_base_/datasets/voc_animals_tags.py',
    '../_base_/schedules/budget_full.py',
    '../_base_/default_runtime.py',
]
