# A network and features together, geodesic distances to the clicks over HED's edges, a CRF.
# What is not said here is up to the flags.
labeller = dict(
    type='FeatureLabeller',
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
