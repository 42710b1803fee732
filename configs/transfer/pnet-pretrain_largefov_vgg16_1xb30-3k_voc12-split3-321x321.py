_base_ = 'pnet-pretrain_largefov_vgg16_1xb30-3k_voc12-321x321.py'
train_dataloader = dict(dataset=dict(split='voc-3'))
val_evaluator = dict(split='voc-3')
test_evaluator = val_evaluator
