"""The encoder against mmseg's, the affinity head against a convolution of the logits."""

import re

import pytest
import torch
from mmseg.models import MixVisionTransformer
from plain_mutual_promotion import encode

from mmseg_weak.models import AttentionAffinityHead, AttentionMixVisionTransformer
from mmseg_weak.models.backbones.attention_mit import to_mmseg_keys

SMALL = dict(
    embed_dims=8, num_layers=[1, 1, 1, 3], num_heads=[1, 2, 2, 4], sr_ratios=[4, 2, 2, 1]
)


def make(**options):
    torch.manual_seed(0)
    encoder = AttentionMixVisionTransformer(**SMALL, **options)
    for p in encoder.parameters():
        torch.nn.init.normal_(p, 0, 0.2)
    return encoder


def images():
    return torch.randn(2, 3, 48, 40, generator=torch.Generator().manual_seed(1))


def use_published_eps(encoder):
    """SegFormer gives blocks and stages eps=1e-6; the other norms keep torch's 1e-5."""
    count = 0
    for name, module in encoder.named_modules():
        if re.fullmatch(r'layers\.\d\.(0|1\.\d\.attn)\.norm', name):
            module.eps = 1e-5
            count += 1
    return count


def test_eps_of_layer_norms_are_the_published_ones():
    """Tokens whose channels are nearly equal, where eps decides."""
    encoder, stock = make(), MixVisionTransformer(**SMALL, strides=(4, 2, 2, 1))
    stock.load_state_dict(encoder.state_dict(), strict=True)
    assert use_published_eps(stock) == 4 + 3, 'patch embeddings, reductions'
    dim = images() * 1e-3
    features = [e.eval()(dim)[0] for e in (encoder, stock)]
    torch.testing.assert_close(*features, rtol=1e-4, atol=1e-5)
    kept = {
        m.eps
        for n, m in encoder.named_modules()
        if re.search(r'norm\d$|\.2$', n) and isinstance(m, torch.nn.LayerNorm)
    }
    assert kept == {1e-6}


@pytest.mark.parametrize('training', [True, False])
def test_equals_mmseg(training):
    ours = make().train(training)
    stock = MixVisionTransformer(**SMALL, strides=(4, 2, 2, 1)).train(training)
    stock.load_state_dict(ours.state_dict(), strict=True)
    use_published_eps(stock)
    features = ours(images())
    assert [tuple(f.shape[1:]) for f in features] == [
        (8, 12, 10),
        (16, 6, 5),
        (16, 3, 3),
        (32, 3, 3),
    ]
    for a, b in zip(features, stock(images())):
        torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-5)


def test_exposes_the_raw_logits_of_the_last_blocks():
    encoder = make()
    _, attention = encoder.forward_with_attention(images())
    _, expected = encode(encoder, images())
    assert len(attention) == 2
    for (queries, keys), logits in zip(attention, expected[-2:]):
        ours = queries @ keys.transpose(2, 3)
        torch.testing.assert_close(ours, logits, rtol=1e-4, atol=1e-4)


def test_affinity_head_equals_a_convolution_of_symmetric_logits():
    generator = torch.Generator().manual_seed(0)
    attention = [
        tuple(torch.randn(2, 4, 9, 5, generator=generator) for _ in range(2))
        for _ in range(2)
    ]
    head = AttentionAffinityHead(8)
    logits = torch.cat([q @ k.transpose(2, 3) for q, k in attention], dim=1)
    expected = head.proj(logits + logits.transpose(2, 3)).sigmoid()[:, 0]
    torch.testing.assert_close(head(attention), expected)
    with pytest.raises(ValueError, match='exposes 4 attention maps'):
        head(attention[:1])


def test_checkpointing_changes_no_gradient():
    results = []
    for with_cp in (False, True):
        encoder = make(with_cp=with_cp)
        features, attention = encoder.forward_with_attention(images())
        (features[-1].sum() + attention[-1][0].sum()).backward()
        results.append([p.grad for p in encoder.parameters()])
    for a, b in zip(*results):
        torch.testing.assert_close(a, b)


def test_frozen_norms():
    encoder = make(freeze_norms=True)
    frozen = {n for n, p in encoder.named_parameters() if not p.requires_grad}
    norms = {n for n, m in encoder.named_modules() if isinstance(m, torch.nn.LayerNorm)}
    assert frozen == {f'{n}.{kind}' for n in norms for kind in ('weight', 'bias')}


def segformer_state(state):
    """The names and shapes that public SegFormer weights have, from mmseg's."""
    public = {}
    for key, value in state.items():
        stage, part, rest = re.fullmatch(r'layers\.(\d)\.(\d)\.(.*)', key).groups()
        stage = int(stage) + 1
        if part == '0':
            public[f'patch_embed{stage}.{rest.replace("projection", "proj")}'] = value
        elif part == '2':
            public[f'norm{stage}.{rest}'] = value
        else:
            block, rest = rest.split('.', 1)
            name = f'block{stage}.{block}.'
            kind = rest.rsplit('.', 1)[1]
            if 'in_proj' in rest:
                kind = rest.rsplit('_', 1)[1]
                third = len(value) // 3
                public[f'{name}attn.q.{kind}'] = value[:third]
                public[f'{name}attn.kv.{kind}'] = value[third:]
            elif 'out_proj' in rest:
                public[f'{name}attn.proj.{kind}'] = value
            elif rest.startswith('ffn.layers.1'):
                public[f'{name}mlp.dwconv.dwconv.{kind}'] = value
            elif rest.startswith('ffn'):
                layer = 'fc1' if 'layers.0' in rest else 'fc2'
                flat = value.flatten(1) if kind == 'weight' else value
                public[f'{name}mlp.{layer}.{kind}'] = flat
            else:
                public[name + rest] = value
    return dict(public, **{'head.weight': torch.zeros(1), 'head.bias': torch.zeros(1)})


@pytest.mark.parametrize('prefix', ['', 'backbone.'])
def test_public_weights_load(prefix):
    encoder = make()
    public = segformer_state(encoder.state_dict())
    assert 'block4.2.attn.kv.weight' in public and 'norm4.bias' in public
    fresh = AttentionMixVisionTransformer(**SMALL)
    target = fresh if not prefix else torch.nn.ModuleDict(dict(backbone=fresh))
    target.load_state_dict({prefix + k: v for k, v in public.items()}, strict=True)
    for (name, a), b in zip(encoder.state_dict().items(), fresh.state_dict().values()):
        torch.testing.assert_close(a, b, rtol=0, atol=0, msg=name)


def test_unknown_weights_are_named():
    with pytest.raises(ValueError, match='stem.weight is no weight'):
        to_mmseg_keys({'stem.weight': torch.ones(1)})


def test_too_many_exposed_blocks():
    with pytest.raises(ValueError, match='num_exposed'):
        make(num_exposed=4)


def test_published_initial_weights_of_the_affinity_branch():
    torch.manual_seed(0)
    head = AttentionAffinityHead(num_maps=4096)
    head.init_weights()
    torch.testing.assert_close(
        head.proj.weight.std().item(), (2 / 6) ** 0.5, rtol=0.05, atol=0
    )
