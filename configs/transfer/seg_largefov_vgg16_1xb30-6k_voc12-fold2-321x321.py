_base_ = 'seg_largefov_vgg16_1xb30-6k_voc12-321x321.py'
train_dataloader = dict(dataset=dict(split='pascal-5i-2'))
val_evaluator = dict(split='pascal-5i-2')
test_evaluator = val_evaluator
