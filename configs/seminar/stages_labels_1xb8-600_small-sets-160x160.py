# The road from clicks to a second network on nuclei; SET=msrc21 or SET=weeds before the
# command takes another set. Every value of the labels is that of voc_animals.
_base_ = 'stages_labels_1xb8-1500_voc-animals-160x160.py'
data_set = '{{$SET:nuclei}}'
env = dict(SET='{data_set}')
work_dir = 'work_dirs/stages_labels_1xb8-600_small-sets-160x160/{data_set}/seed_{seed}'
clicks_config = 'configs/seminar/pce_fpn_efficientnet-lite0_1xb8-600_small-sets-160x160.py'
student_config = (
    'configs/seminar/labels_fpn_efficientnet-lite0_1xb8-600_small-sets-160x160.py'
)
clicks = ['data/{data_set}/points/main.json']
background_prior = 1.0 if data_set == 'msrc21' else 0.5  # msrc21 has no background
