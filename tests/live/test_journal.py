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


def test_a_second_session_on_the_file_cannot_spoil_the_first(tmp_path):
    """Both would give the same number to different clicks."""
    first, second = (Journal(tmp_path / 'session.jsonl') for _ in range(2))
    first.apply(dict(op='class', name='cat'))
    with pytest.raises(ValueError, match=r'session.jsonl cannot be written \(another ses'):
        second.apply(dict(op='class', name='dog'))
    assert second.state.classes == []
    first.apply(dict(op='class', name='bird'))
    assert Journal(tmp_path / 'session.jsonl').state.classes == ['cat', 'bird']


def test_what_a_full_disk_refuses_is_not_counted(tmp_path, monkeypatch):
    journal = Journal(tmp_path / 'session.jsonl')
    for operation in operations():
        journal.apply(operation)
    before = journal.done[:], journal.state, journal.next_id

    def full(_):
        raise OSError(28, 'No space left on device')

    with monkeypatch.context() as disk:
        disk.setattr('os.fsync', full)
        for operation in (dict(op='undo'), dict(op='class', name='fox')):
            with pytest.raises(ValueError, match='No space left'):
                journal.apply(operation)
    assert (journal.done, journal.state, journal.next_id) == before
    journal.apply(dict(op='class', name='cow'))
    assert Journal(tmp_path / 'session.jsonl').state == journal.state


def test_a_journal_that_was_removed_or_replaced_takes_no_click(tmp_path):
    """It would go into a file that nobody can open again."""
    path = tmp_path / 'session.jsonl'
    journal = Journal(path)
    journal.apply(dict(op='class', name='cat'))
    content = path.read_bytes()
    path.unlink()
    for _ in range(2):
        with pytest.raises(ValueError, match='cannot be written .it was moved or removed'):
            journal.apply(dict(op='class', name='dog'))
        path.write_bytes(content)
    assert journal.state.classes == ['cat']


def test_names_that_a_class_once_had():
    journal = Journal()
    for operation in operations():
        journal.apply(operation)
    assert journal.named('cat') and journal.named('dog') and not journal.named('fox')
