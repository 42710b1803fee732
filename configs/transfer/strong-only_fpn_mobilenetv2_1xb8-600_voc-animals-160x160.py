# Control: strong masks alone, weak images and their tags unused.
_base_ = [
    '../_base_/models/fpn_mobilenetv2.py',
    '../_base_/datasets/voc_animals_strong_weak.py',
    '../_base_/schedules/schedule_cpu_600.py',
    '../_base_/default_runtime.py',
]
train_dataloader = dict(dataset=dict(images='strong'))
