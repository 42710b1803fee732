import math

import pytest
import torch
from mmseg.registry import MODELS


def make_head(**options):
    torch.manual_seed(0)
    head = MODELS.build(
        dict(type='SubCategoryHead', in_channels=4, num_classes=4, **options)
    )
    head.init_weights()
    return head


def plain_loss(logits, tags, clusters, num_clusters):
    """The loss written out, output by output."""
    total = 0.0
    for row, present, cluster in zip(logits.tolist(), tags.tolist(), clusters.tolist()):
        mean = 0.0
        for output, x in enumerate(row):
            label, k = divmod(output, num_clusters)
            on = present[label] and cluster[label] == k
            p = 1 / (1 + math.exp(-x))
            mean -= math.log(p if on else 1 - p) / len(row)
        total += mean
    return 5 * total / len(logits)


TAGS = torch.tensor([[1.0, 0, 1], [0, 1, 0], [1, 1, 1]])
CLUSTERS = torch.tensor([[2, -1, 0], [-1, 1, -1], [0, 2, 1], [-1, -1, 2], [1, -1, -1]])


def test_loss_equals_the_plain_form():
    head = make_head(num_clusters=3)
    head.allocate(5)
    head.assign(CLUSTERS, 1)
    pooled, index = torch.randn(3, 4), torch.tensor([0, 1, 2])
    loss = head.loss(pooled, TAGS, index)['loss_sub']
    logits = head(pooled)
    assert logits.shape == (3, 9)
    expected = plain_loss(logits, TAGS, CLUSTERS[index], 3)
    assert loss.item() == pytest.approx(expected, rel=1e-5)


def test_no_loss_before_the_first_round():
    head = make_head()
    pooled = torch.randn(3, 4, requires_grad=True)
    loss = head.loss(pooled, TAGS, torch.zeros(3, dtype=torch.long))['loss_sub']
    loss.backward()
    assert loss == 0
    # The weights take part: a distributed model waits for their gradients.
    assert head.classifier.weight.grad.abs().max() == 0


def test_no_loss_without_a_table_of_clusters():
    """As of a model that nobody gave clusters."""
    head = make_head()
    pooled = torch.randn(3, 4, requires_grad=True)
    loss = head.loss(pooled, TAGS, torch.tensor([0, 7, 100]))['loss_sub']
    loss.backward()
    assert loss == 0 and (pooled.grad == 0).all()


def test_an_image_with_an_unknown_cluster_does_not_count():
    head = make_head(num_clusters=3)
    head.allocate(5)
    head.assign(CLUSTERS, 1)
    pooled = torch.randn(2, 4)
    tags = torch.tensor([[1.0, 0, 0], [1, 0, 1]])  # image 4 has no cluster in class 2
    both = head.loss(pooled, tags, torch.tensor([4, 4]))['loss_sub']
    first = head.loss(pooled[:1], tags[:1], torch.tensor([4]))['loss_sub']
    torch.testing.assert_close(both, first)


def test_assignments_are_no_part_of_the_checkpoint():
    head = make_head(num_clusters=3)
    head.allocate(5)
    head.assign(CLUSTERS, 2)
    assert list(head.state_dict()) == ['classifier.weight']
    other = make_head(num_clusters=3)
    other.allocate(5)
    other.load_assignment_state(head.assignment_state())
    assert torch.equal(other.assignments, CLUSTERS)
    assert other.round == 2


def test_assignments_of_another_data_set():
    head = make_head(num_clusters=3)
    head.allocate(4)
    with pytest.raises(ValueError, match=r'\(5, 3\) do not fit .* \(4, 3\)'):
        head.assign(CLUSTERS, 1)


@pytest.mark.parametrize('options', [dict(num_clusters=0), dict(num_classes=1)])
def test_numbers_out_of_range(options):
    config = dict(type='SubCategoryHead', in_channels=4, num_classes=4)
    with pytest.raises(ValueError, match='SubCategoryHead'):
        MODELS.build({**config, **options})
