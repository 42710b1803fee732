# Full masks on the ancillary network.
_base_ = [
    '../_base_/models/fpn_mobilenetv2.py',
    '../_base_/datasets/voc_animals_masks.py',
    '../_base_/schedules/schedule_cpu_600.py',
    '../_base_/default_runtime.py',
]
