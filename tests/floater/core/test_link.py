"""The words for links pass between two machines that do not know each other."""

from typing import get_args

from floater.core import link
from floater.core.meet import path
from floater.core.talk import talk
from floater.wire.talk import Ack

WORDS = {word for word in vars(link).values() if isinstance(word, type) and word.__module__ == link.__name__}


def test_what_a_path_says_of_links_a_talk_understands() -> None:
    assert WORDS & set(get_args(path.News)) == {link.LinkUp, link.LinkDown, link.Check}
    assert WORDS & set(get_args(path.News)) <= set(get_args(talk.Event))


def test_each_word_is_said_or_taken_by_a_machine() -> None:
    used = {*get_args(path.Event), *get_args(path.News), *get_args(talk.Event), *get_args(talk.Effect)}
    assert used >= WORDS


def test_a_message_has_no_body_unless_it_is_given_one() -> None:
    assert link.Arrived(1, Ack(1)) == link.Arrived(1, Ack(1), b"")
    assert link.Transmit(1, Ack(1)) == link.Transmit(1, Ack(1), b"", bulk=False)
    assert link.Transmit(1, Ack(1)) != link.Transmit(2, Ack(1))
