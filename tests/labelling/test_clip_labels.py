"""CLIP's similarities against the library, and labels of tags made from them."""

import json
import shutil
import string

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from PIL import Image
from toy import CLASSES, toy_config, toy_model

from mmseg_weak.cli import run_verb
from mmseg_weak.labelling import ClipLabeller, make_labels
from mmseg_weak.models.text import ClipNetwork

library = pytest.importorskip('transformers', reason='transformers is not installed')

SIDE, PATCH = 32, 8
TOWER = dict(
    hidden_size=16, intermediate_size=16, num_hidden_layers=2, num_attention_heads=2
)
MARKS = ('<|startoftext|>', '<|endoftext|>')


@pytest.fixture(scope='module')
def folder(tmp_path_factory):
    """A tiny random CLIP with tokenizer and processor, saved by the library."""
    from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil

    path = tmp_path_factory.mktemp('clip')
    letters = string.ascii_lowercase + '.'
    words = [*letters, *(f'{letter}</w>' for letter in letters), *MARKS]
    vocabulary = {word: i for i, word in enumerate(words)}
    begin, end = (vocabulary[mark] for mark in MARKS)
    ids = dict(bos_token_id=begin, eos_token_id=end, pad_token_id=end)
    text = dict(TOWER, vocab_size=len(words), max_position_embeddings=40, **ids)
    config = library.CLIPConfig(
        text_config=text,
        vision_config=dict(TOWER, image_size=SIDE, patch_size=PATCH),
        projection_dim=8,
    )
    torch.manual_seed(0)
    model = library.CLIPModel(config)
    for weight in model.parameters():
        if weight.ndim:
            torch.nn.init.normal_(weight, 0, 0.3)
    model.save_pretrained(path)
    library.CLIPTokenizer(vocab=vocabulary, merges=[]).save_pretrained(path)
    size = dict(height=SIDE, width=SIDE)
    CLIPImageProcessorPil(size=dict(shortest_edge=SIDE), crop_size=size).save_pretrained(
        path
    )
    return str(path)


def processor_of(folder):
    from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil

    tokenizer = library.CLIPTokenizer.from_pretrained(folder)
    images = CLIPImageProcessorPil.from_pretrained(folder)
    return library.CLIPProcessor(images, tokenizer)


@pytest.mark.parametrize('values', [True, False])
def test_similarities_are_those_of_the_library_and_its_processor(folder, values):
    texts = ['a photo of a cat.', 'a photo of grass.', 'dog']
    image = np.random.default_rng(0).integers(0, 256, (SIDE, SIDE, 3), dtype=np.uint8)
    processor = processor_of(folder)
    inputs = processor(
        text=texts, images=Image.fromarray(image), padding=True, return_tensors='pt'
    )
    model = library.CLIPModel.from_pretrained(folder).eval()
    seen = []
    last = model.vision_model.encoder.layers[-1].self_attn
    last.v_proj.register_forward_hook(lambda _, __, value: seen.append(value))
    with torch.no_grad():
        result = model(**inputs)
        tokens = result.vision_model_output.last_hidden_state
        if values:
            tokens = last.out_proj(seen[0])
        tokens = model.visual_projection(model.vision_model.post_layernorm(tokens))
        expected = F.normalize(tokens[0, 1:], dim=1) @ result.text_embeds.T
    network = ClipNetwork.from_pretrained(folder, values)
    unit = torch.from_numpy(image).permute(2, 0, 1)[None].float() / 255
    found = network.similarities(unit, network.texts(texts))
    assert found.shape == (1, 3, 4, 4) and found.std() > 0.01
    torch.testing.assert_close(found[0].flatten(1).T, expected, atol=1e-4, rtol=0)
    scores = model.logit_scale.exp() * result.image_embeds @ network.texts(texts).T
    torch.testing.assert_close(scores, result.logits_per_image, atol=1e-4, rtol=1e-4)


def test_maps_of_any_size_are_those_of_interpolated_positions(folder):
    network = ClipNetwork.from_pretrained(folder, values=False)
    image = torch.rand(1, 3, 40, 56)
    mean = torch.tensor([0.48145466, 0.4578275, 0.40821073])[:, None, None]
    std = torch.tensor([0.26862954, 0.26130258, 0.27577711])[:, None, None]
    with torch.no_grad():
        tower = network.model.vision_model
        tokens = tower(
            pixel_values=(image - mean) / std, interpolate_pos_encoding=True
        ).last_hidden_state
        tokens = network.model.visual_projection(tower.post_layernorm(tokens[:, 1:]))
    expected = F.normalize(tokens, dim=2).transpose(1, 2).reshape(1, 8, 5, 7)
    torch.testing.assert_close(network.patches(image), expected, atol=1e-5, rtol=0)
    # 37 x 50 is stretched to 40 x 56: the map covers the whole image.
    assert network.patches(torch.rand(1, 3, 37, 50)).shape == (1, 8, 5, 7)


@pytest.fixture
def config(toy_root, tmp_path):
    """Tags of the toy set."""
    config = toy_config(toy_root, tmp_path, toy_model())
    clicks = json.loads((toy_root / 'clicks.json').read_text())
    names = {
        n: sorted({CLASSES[c['cls']] for c in v} - {CLASSES[0]}) for n, v in clicks.items()
    }
    (tmp_path / 'tags.json').write_text(json.dumps(names))
    data = config.train_dataloader.dataset
    data.type, data.tag_file = 'ImageTagDataset', str(tmp_path / 'tags.json')
    data.pop('click_file')
    data.pipeline = [
        dict(type='LoadImageFromFile'),
        dict(type='LoadImageTags'),
        dict(type='PackWeakSegInputs'),
    ]
    config.custom_imports = dict(imports=['mmseg_weak'], allow_failed_imports=False)
    config.dump(tmp_path / 'data.py')
    return config


def test_tags_become_labels_on_the_command_line(folder, config, toy_root, tmp_path, capsys):
    words = ['--data', tmp_path / 'data.py', '--clip', folder, '--scales', '1.0']
    words += ['--masks', toy_root / 'masks', '--names', 'disc=round_thing']
    words += ['--out', tmp_path / 'labels', '--cams', tmp_path / 'cams']
    run_verb('label', [str(word) for word in words])
    assert 'mIoU' in capsys.readouterr().out
    tags = json.loads((tmp_path / 'tags.json').read_text())
    files = sorted((tmp_path / 'labels').glob('*.png'))
    assert len(files) == 12 and len(list((tmp_path / 'cams').glob('*.npz'))) == 12
    for file in files:
        allowed = {0, *(CLASSES.index(name) for name in tags[file.stem])}
        assert set(np.unique(np.array(Image.open(file))).tolist()) <= allowed
    settings = json.loads((tmp_path / 'labels/manifest.json').read_text())['settings']
    assert '@' in settings['clip'] and settings['names'] == {'disc': 'round_thing'}


def test_maps_that_are_right_become_right_labels(
    config, folder, toy_root, tmp_path, monkeypatch
):
    """Texts are colours here, and patches the colour that they show."""
    colours = {'square': 0, 'disc': 2, 'wall': 1}  # of RGB; the ground is grey

    def texts(self, found):
        words = [text.removeprefix('a photo of a ').removesuffix('.') for text in found]
        return torch.eye(3)[[colours[word] for word in words]]

    def patches(self, images):
        pooled = F.avg_pool2d(images, 4)
        spread = pooled - pooled.amin(dim=1, keepdim=True)
        spread[:, 1] += 0.2
        return F.normalize(spread, dim=1)

    monkeypatch.setattr(ClipNetwork, 'texts', texts)
    monkeypatch.setattr(ClipNetwork, 'patches', patches)
    labeller = ClipLabeller(clip=folder, surroundings=('wall',), scales=(1.0,))
    report = make_labels(
        config, labeller, str(tmp_path / 'x'), masks=str(toy_root / 'masks')
    )
    assert report['mIoU'] > 70 and 0 < report['background_score'] < 1


def test_mistakes_are_told_in_one_line(config, folder, tmp_path):
    def refuse(text, error=ValueError, **options):
        with pytest.raises(error, match=text) as caught:
            make_labels(config, ClipLabeller(**options), str(tmp_path / 'x'))
        assert '\n' not in str(caught.value)

    refuse('give a model by --clip')
    refuse('without other networks', clip=folder, peers=[('a.py', 'b.pth')])
    refuse("template needs {} for the name, got 'cat'", clip=folder, template='cat')
    refuse('folder /none does not exist', FileNotFoundError, clip='/none')
    refuse("names: there is no class 'dics'", clip=folder, names={'dics': 'disc'})
    refuse('downloads are switched off', clip='openai/x', local_files_only=True)
    other = tmp_path / 'other'
    shutil.copytree(folder, other)
    (other / 'config.json').write_text('{"model_type": "dinov2"}')
    refuse('is a dinov2, no clip', clip=str(other))
