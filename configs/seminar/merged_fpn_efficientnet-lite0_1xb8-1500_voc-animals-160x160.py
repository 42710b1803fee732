# Two halves of the training images, each searched for three of the six animals: a click on
# another animal is one on background there. Made as docs/no_points.md says.
_base_ = 'no-points_fpn_efficientnet-lite0_1xb8-1500_voc-animals-160x160.py'
half = _base_.train_dataloader.dataset
train_dataloader = dict(
    dataset=dict(
        _delete_=True,
        type='ConcatDataset',
        datasets=[
            dict(
                half,
                click_file='points/cat_cow_dog.json',
                background_click_file=[
                    'points/bg_from_scribbles.json',
                    'points/no_cat_cow_dog.json',
                ],
                vocabulary=['background', 'cat', 'cow', 'dog'],
                indices=list(range(0, 1776, 2)),
            ),
            dict(
                half,
                click_file='points/horse_person_sheep.json',
                background_click_file=[
                    'points/bg_from_scribbles.json',
                    'points/no_horse_person_sheep.json',
                ],
                vocabulary=['background', 'horse', 'person', 'sheep'],
                indices=list(range(1, 1776, 2)),
            ),
        ],
    )
)
