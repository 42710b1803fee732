"""Names of photographs and classes in labels that are not quite right."""

import unicodedata

import pytest

from mmseg_weak.project.matching import match_photos, meant_class, other_suffixes

PHOTOS = ['a/1.jpg', 'a/2.JPG', 'b/1.jpg', 'b/3.jpg', 'b/3.png']


@pytest.mark.parametrize(
    ('name', 'photo'),
    [
        ('a/1.png', 'a/1.jpg'),
        ('2.png', 'a/2.JPG'),
        ('2', 'a/2.JPG'),
        ('1.png', None),  # two folders have one
        ('b/3.tif', None),  # either of two
        ('a/1.xml', None),  # no photograph is called so
    ],
)
def test_a_name_with_another_suffix_is_the_only_photograph_of_that_stem(name, photo):
    found = match_photos([name], PHOTOS)
    assert found == ({} if photo is None else {name: photo})


def test_a_photograph_with_a_name_of_its_own_is_not_taken_by_another():
    names = ['2.png', 'a/2.jpg', 'a/1.png', 'a/1.tif']
    found = match_photos(names, PHOTOS)
    assert found == {'a/2.jpg': 'a/2.JPG', 'a/1.png': 'a/1.jpg'}
    text = '1 names match with another suffix, such as a/1.png for a/1.jpg'
    assert other_suffixes(found) == [text]


@pytest.mark.parametrize(
    ('name', 'photo'),
    [
        ('A/1.JPG', 'a/1.jpg'),
        ('0123abcd-2.jpg', 'a/2.JPG'),
        ('b/0123abcd-1.jpg', 'b/1.jpg'),
        ('C:\\Users\\Me\\Photos\\b\\1.jpg', 'b/1.jpg'),
        ('0123abcg-2.jpg', None),  # no prefix of an upload
        ('Photos/c/1.jpg', None),
        ('k\u00e4se.jpg', unicodedata.normalize('NFD', 'K\u00e4se.jpg')),
        ('photo.v2', 'photo.v2.jpg'),
        ('photo', None),
    ],
)
def test_capitals_prefixes_and_folders_count_only_where_they_must(name, photo):
    more = [unicodedata.normalize('NFD', 'K\u00e4se.jpg'), 'photo.v2.jpg']
    found = match_photos([name], [*PHOTOS, *more])
    assert found == ({} if photo is None else {name: photo})


def test_a_photograph_does_not_get_the_labels_of_one_that_is_absent():
    names = ['a/2.jpg', 'b/2.jpg', 'c/4.jpg', 'd/4.jpg', 'e/5.jpg']
    photos = ['a/2.jpg', 'a/4.jpg', 'a/5.jpg']
    assert match_photos(names, photos) == {'a/2.jpg': 'a/2.jpg', 'e/5.jpg': 'a/5.jpg'}


def test_two_names_of_one_photograph_are_refused():
    text = "^'2.jpg' and '0123abcd-2.jpg' are both the photograph 2.jpg$"
    with pytest.raises(ValueError, match=text):
        match_photos(['2.jpg', '0123abcd-2.jpg'], ['2.jpg'])
    with pytest.raises(ValueError, match="^'2' and '2.JPG' are both the photograph"):
        match_photos(['2', '2.JPG'], ['2.jpg'])


@pytest.mark.parametrize(
    ('name', 'number', 'meant'),
    [
        ('dgo', 1, 'dog'),  # exchanged
        ('dogs', 2, 'dog'),
        ('og', 1, None),  # too short to tell
        ('dag', 2, 'dog'),
        ('god', 1, None),
        ('Dog', 20, 'dog'),  # capitals alone, however many
        ('Dog', 21, None),
        ('dgo', 6, None),  # not clearly rarer
        ('site2', 1, None),  # digits tell classes apart
        ('tabel', 1, 'table'),
    ],
)
def test_classes_that_are_misspelt(name, number, meant):
    totals = {'dog': 20, 'table': 9, 'site1': 20, name: number}
    assert meant_class(name, totals, few=10) == meant
