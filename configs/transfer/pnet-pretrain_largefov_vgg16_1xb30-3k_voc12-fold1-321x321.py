_base_ = 'pnet-pretrain_largefov_vgg16_1xb30-3k_voc12-321x321.py'
train_dataloader = dict(dataset=dict(split='pascal-5i-1'))
val_evaluator = dict(split='pascal-5i-1')
test_evaluator = val_evaluator
