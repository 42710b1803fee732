# Values of the lists of seminar learning: how labels are made, how trainings are run.
train = ['{python}', '{tools}/train.py']
processes = []  # number of processes, for train = ['{tools}/dist_train.sh']
train_options = []  # further options of every training
label_options = []  # further options of every label making
# Of the training set, for every training and label making, such as
# ['--cfg-options', 'train_dataloader.dataset.max_rank=1'].
data_options = []
threshold = 0.7
class_restriction = 'renormalise'
background_prior = 1.0
fusion = 'mean'
refinement = 'crf'
refinement_options = []  # such as ['--refinement-options', 'bilateral_sxy=50']
workers = 1
device = 'cpu'
neutral = ['workers', 'device']
