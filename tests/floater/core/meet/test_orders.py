from typing import get_args

import pytest

from floater.core.meet import orders

UNIONS = [orders.Event, orders.LinkOrder, orders.ServerOrder, orders.News]


@pytest.mark.parametrize("union", UNIONS)
def test_every_word_of_a_meeting_is_an_immutable_value(union: object) -> None:
    for word in get_args(union):
        assert word.__dataclass_params__.frozen, word


def test_an_effect_is_for_one_room_alone() -> None:
    links, server, news = (set(get_args(union)) for union in UNIONS[1:])
    assert not links & server
    assert not (links | server) & news
    assert set(get_args(orders.Order)) == links | server
    assert set(get_args(orders.Effect)) == links | server | news


def test_all_that_is_exported_is_used() -> None:
    used = set().union(*(get_args(union) for union in UNIONS))
    values = {
        getattr(orders, name)
        for name in orders.__all__
        if name not in ("Effect", "Event", "LinkOrder", "News", "Order", "ServerOrder")
    }
    assert values <= used
