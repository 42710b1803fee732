# The road and every control beside it, on the same networks: labels of thresholded CAMs,
# labels without M in the edges, P-Net without phase i, the same iterations without P-Net,
# strong masks only, full supervision.
_base_ = 'transfer.py'
_train = ['{train}', '{seg_config}', '{processes}', *_base_.resumable]
_score = [
    *('--work-dir', '{stage}'),
    *('--metrics-out', '{stage}/metrics.json'),
]
_test = ['{python}', '{tools}/test.py', '{seg_config}']
_label_stage = _base_.stages[2]
_pnet_stage = _base_.stages[6]
_labels = [
    dict(
        _label_stage,
        name=f'labels_{name}',
        command=[*_label_stage['command'], *options],
    )
    for name, options in (
        ('cam', ['--transfer-method', 'cam']),
        # Of a key given twice the last value counts.
        ('no_m', ['--diffusion', 'foreground_weight=0']),
    )
]
_segmenters = [
    dict(
        name=f'segmenter_{name}',
        command=[*_train, '--cfg-options', '{labels_go_to}={labels_' + name + '}'],
        inputs=['{seg_config}', '{labels_' + name + '}/manifest.json', '{tags}', '{masks}'],
        outputs=['{stage}/{seg_checkpoint}'],
    )
    for name in ('cam', 'no_m')
]
_others = [
    dict(
        name=name,
        command=['{train}', config, '{processes}', *_base_.resumable],
        inputs=[config, '{tags}', '{masks}'],
        outputs=['{stage}/{seg_checkpoint}'],
    )
    for name, config in (
        ('strong_only', '{strong_only_config}'),
        ('full', '{full_config}'),
    )
]
_pnets = [
    dict(
        name=f'pnet_{name}',
        command=[
            *('{train}', '{pnet_config}', '{processes}', *_base_.resumable),
            *('--cfg-options', 'load_from={segmenter}/{seg_checkpoint}'),
            *('{labels_go_to}={labels}', *options),
        ],
        inputs=[
            *('{pnet_config}', '{segmenter}/{seg_checkpoint}'),
            *('{labels}/manifest.json', '{tags}', '{masks}'),
        ],
        outputs=['{stage}/{pnet_checkpoint}'],
    )
    for name, options in (
        ('no_pretrain', []),
        ('no_adversary', ['model.adversarial_weight=0']),
    )
]
_tests = [
    dict(
        name=f'test_{name}',
        command=[*_test, '{' + name + '}/{' + checkpoint + '}', *_score],
        inputs=['{seg_config}', '{' + name + '}/{' + checkpoint + '}'],
        outputs=['{stage}/metrics.json'],
    )
    for name, checkpoint in (
        ('segmenter_cam', 'seg_checkpoint'),
        ('segmenter_no_m', 'seg_checkpoint'),
        ('strong_only', 'seg_checkpoint'),
        ('full', 'seg_checkpoint'),
        ('pnet_no_pretrain', 'pnet_checkpoint'),
        ('pnet_no_adversary', 'pnet_checkpoint'),
    )
]
stages = [*_base_.stages, *_labels, *_segmenters, *_others, *_pnets, *_tests]
