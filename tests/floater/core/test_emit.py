from typing import get_args

from floater import api
from floater.core.emit import Emit
from floater.core.talk import talk


def test_news_for_the_person_is_an_effect_that_scripts_can_compare() -> None:
    assert Emit in get_args(talk.Effect)
    assert Emit(api.PeerAway(30.0)) == Emit(api.PeerAway(30.0))
    assert Emit(api.PeerAway(30.0)) != Emit(api.PeerAway(5.0))
