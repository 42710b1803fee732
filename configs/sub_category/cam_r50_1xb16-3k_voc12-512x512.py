_base_ = [
    '../_base_/models/cam_r50.py',
    '../_base_/datasets/voc12_tags.py',
    '../_base_/schedules/schedule_cam_voc_3k.py',
    '../_base_/default_runtime.py',
]
