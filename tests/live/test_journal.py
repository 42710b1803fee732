"""Nothing clicked is ever lost."""

import pytest

from mmseg_weak.live.journal import Journal, replayed


def operations():
    click = dict(op='add', image='a.png', points=[[1.5, 2.5]])
    return [
        dict(op='class', name='cat'),
        dict(op='class', name='día "x"'),
        {**click, 'id': 0, 'class': 'cat'},
        {**click, 'id': 1, 'class': 'día "x"', 'no': True},
        dict(op='undo'),
        dict(op='redo'),
        dict(op='rename', name='cat', to='dog'),
        dict(op='remove', id=0),
        dict(op='undo'),
    ]


def test_every_cut_of_the_file_opens_as_the_whole_lines_before_it(tmp_path):
    journal = Journal(tmp_path / 'session.jsonl')
    states = [(journal.state.classes[:], dict(journal.state.clicks))]
    for operation in operations():
        journal.apply(operation)
        states.append((journal.state.classes[:], dict(journal.state.clicks)))
    journal.close()
    content = (tmp_path / 'session.jsonl').read_bytes()
    for cut in range(len(content) + 1):
        path = tmp_path / f'{cut}.jsonl'
        path.write_bytes(content[:cut])
        opened = Journal(path)
        whole = content[:cut].count(b'\n')
        assert (opened.state.classes, opened.state.clicks) == states[whole]
        opened.apply(dict(op='class', name='new'))
        opened.close()
        assert Journal(path).state.classes[-1] == 'new'


def test_replaying_what_was_done_gives_the_state(tmp_path):
    journal = Journal()
    for operation in operations():
        journal.apply(operation)
    assert replayed(journal.done) == journal.state
    assert journal.next_id == 2


@pytest.mark.parametrize('line', ['{"op": "fly"}', '[]', '{', '{"op": "add"}', 'x' * 99])
def test_a_damaged_line_is_named(tmp_path, line):
    path = tmp_path / 'session.jsonl'
    path.write_text('{"op": "class", "name": "cat"}\n' + line + '\n')
    with pytest.raises(ValueError, match=r'session.jsonl: line 2 is no operation'):
        Journal(path)
