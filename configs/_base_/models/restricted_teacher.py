# A teacher that knows which classes were clicked in the image and follows its colours.
restricted_teacher = dict(
    type='TeacherConsistency',
    loss=dict(type='DecoupledConsistencyLoss', background_weight=1.0, class_weight=3.0),
    class_restriction='renormalise',
    refinement=dict(type='PixelAdaptiveRefinement', dilations=(1, 2, 4), num_iters=5),
)
teacher_hook = dict(type='EMATeacherHook', momentum=0.01)
