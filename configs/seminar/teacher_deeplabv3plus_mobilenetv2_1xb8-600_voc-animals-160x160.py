# The same with the teacher's classes left free: what the restriction is worth.
_base_ = 'teacher-restricted_deeplabv3plus_mobilenetv2_1xb8-600_voc-animals-160x160.py'
model = dict(consistency=dict(class_restriction=None))
