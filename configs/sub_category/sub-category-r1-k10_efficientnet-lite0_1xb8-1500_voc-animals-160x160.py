# One round of 1,500 iterations on the clusters of a finished classifier, of cam_… below or,
# as stages_sub-category gives it, of custom_hooks.2.features_from.
_base_ = 'cam_efficientnet-lite0_1xb8-1500_voc-animals-160x160.py'
model = dict(
    sub_category_head=dict(
        type='SubCategoryHead', in_channels=320, num_classes=7, num_clusters=10
    )
)
custom_hooks = [
    *_base_.custom_hooks,
    dict(
        type='SubCategoryClusteringHook',
        rounds=[0],
        features_from='work_dirs/cam_efficientnet-lite0_1xb8-1500_voc-animals-160x160',
    ),
]
