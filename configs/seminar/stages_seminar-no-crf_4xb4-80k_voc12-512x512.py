# Control: the labels are not refined.
_base_ = 'stages_seminar_4xb4-80k_voc12-512x512.py'
refinement = 'none'
