# One network: clicks alone, then all three terms with the labels that it has made itself.
_base_ = 'seminar_tta.py'
_ancillary, _labels, _primary, *_tests = _base_.stages
stages = [_ancillary, _labels, dict(_primary, load_from='ancillary'), *_tests]
