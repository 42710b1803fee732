_base_ = 'pnet_largefov_vgg16_1xb30-10k_voc12-321x321.py'
train_dataloader = dict(dataset=dict(split='voc-2'))
val_evaluator = dict(split='voc-2')
test_evaluator = val_evaluator
