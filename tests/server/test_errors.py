"""What an operator reads is the sentence, and nothing around it."""

from server.errors import CannotStart


def test_the_text_is_the_sentence() -> None:
    assert str(CannotStart("The port is in use.")) == "The port is in use."
