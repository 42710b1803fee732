_base_ = [
    '../_base_/models/cam_mobilenetv2.py',
    '../_base_/datasets/voc_animals_tags.py',
    '../_base_/schedules/schedule_cpu_600.py',
    '../_base_/default_runtime.py',
]
