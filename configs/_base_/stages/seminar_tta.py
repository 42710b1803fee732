# The same with a test at several scales and with flip.
_base_ = 'seminar.py'
tta_metrics = 'test_tta/metrics.json'
stages = [
    *_base_.stages,
    dict(
        name='test_tta',
        command=[
            *('{python}', '{tools}/test.py', '{primary_config}'),
            *('{primary}/{primary_checkpoint}', '--work-dir', '{stage}', '--tta'),
            *('--metrics-out', '{stage}/metrics.json'),
        ],
        inputs=['{primary_config}', '{primary}/{primary_checkpoint}'],
        outputs=['{stage}/metrics.json'],
    ),
]
