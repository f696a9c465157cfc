from typing import get_args

from floater.core.meet import orders


def test_each_order_is_for_one_room_and_nothing_is_both_order_and_news() -> None:
    links, server, news = (
        set(get_args(kind)) for kind in (orders.LinkOrder, orders.ServerOrder, orders.News)
    )
    assert links | server == set(get_args(orders.Order))
    assert not links & server
    assert not (links | server) & news
    assert links | server | news == set(get_args(orders.Effect))


def test_nothing_but_what_passes_through_is_both_event_and_effect() -> None:
    both = set(get_args(orders.Event)) & set(get_args(orders.Effect))
    assert {kind.__name__ for kind in both} == {"Arrived", "Writable"}


def test_the_module_names_everything_that_it_has() -> None:
    assert sorted(orders.__all__) == orders.__all__
    assert all(hasattr(orders, name) for name in orders.__all__)
    own = {name for name, kind in vars(orders).items() if getattr(kind, "__module__", "") == orders.__name__}
    assert own <= {*orders.__all__}
