# A stock segmenter on pseudo-labels of voc_animals; a stage list sets their folder. Same
# budget as configs/seminar/full_fpn_mobilenetv2_1xb8-600_voc-animals-160x160.py.
_base_ = [
    '../_base_/models/fpn_mobilenetv2.py',
    '../_base_/datasets/voc_animals_labels.py',
    '../_base_/schedules/schedule_cpu_600.py',
    '../_base_/default_runtime.py',
]
