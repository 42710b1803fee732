# Beside transfer every control of it, on the same networks: labels of thresholded CAMs,
# labels without M in the edges, P-Net without phase i, the same iterations without P-Net,
# strong masks only, full supervision. For the reverse split put `SPLIT=ccs` before the
# command.
_base_ = 'stages_transfer_1xb8-1500_voc-animals-160x160.py'
work_dir = (
    'work_dirs/stages_transfer-controls_1xb8-1500_voc-animals-160x160/{split}/seed_{seed}'
)
strong_only_config = (
    'configs/transfer/strong-only_fpn_efficientnet-lite0_1xb8-1500_voc-animals-160x160.py'
)
full_config = (
    'configs/transfer/full_fpn_efficientnet-lite0_1xb8-1500_voc-animals-160x160.py'
)
_lnet, _, _labels, _segmenter, _, _, _pnet, _test = _base_.stages
# Of a key given twice the last value counts.
_no_m = dict(_base_.how, diffusion=['{diffusion}', 'foreground_weight=0'])
_controls = [
    dict(_segmenter, name='segmenter_cam', labels='labels_cam'),
    dict(_segmenter, name='segmenter_no_m', labels='labels_no_m'),
    dict(_lnet, name='strong_only', config='{strong_only_config}'),
    dict(_lnet, name='full', config='{full_config}'),
    dict(_pnet, name='pnet_no_pretrain', load_from='segmenter'),
    dict(
        _pnet,
        name='pnet_no_adversary',
        load_from='segmenter',
        options={'model.adversarial_weight': 0},
    ),
]
stages = [
    *_base_.stages,
    dict(_labels, name='labels_cam', options=dict(_base_.how, transfer_method='cam')),
    dict(_labels, name='labels_no_m', options=_no_m),
    *_controls,
    *(dict(_test, name=f'test_{s["name"]}', network=s['name']) for s in _controls),
]
