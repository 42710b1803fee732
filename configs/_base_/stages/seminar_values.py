# Values of the lists of seminar learning: how labels are made.
threshold = 0.7
class_restriction = 'renormalise'
background_prior = 1.0
fusion = 'mean'
refinement = 'crf'
refinement_options = []  # such as ['bilateral_sxy=50']
