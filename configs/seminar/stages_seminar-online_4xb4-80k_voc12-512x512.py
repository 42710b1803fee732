# The ancillary network as an online peer.
_base_ = 'stages_seminar_4xb4-80k_voc12-512x512.py'
primary_config = (
    'configs/seminar/hpl-online_deeplabv3plus_r101-d16_4xb4-80k_voc12-512x512.py'
)
stages = _base_.online
