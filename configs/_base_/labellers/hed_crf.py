# Values of _base_/stages/labels_from_clicks.py, and geodesic distances to the clicks over
# edges before the CRF.
labeller = dict(
    type='SegmentorLabeller',
    scales=(1.0, 1.5),
    threshold=0.5,
    background_prior=0.5,
    temperature=2.0,
    refinement=[
        dict(
            type='EdgeGeodesic',
            factor=0.05,
            edges='work_dirs/weights/hed.npz',
            cache='work_dirs/edges',
        ),
        dict(type='dense_crf', bilateral_sxy=50, bilateral_srgb=5, bilateral_compat=4),
    ],
)
