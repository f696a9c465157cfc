from floater.api import PathKind
from floater.core.meet.links import LOSER_GRACE, REPLACED_GRACE, Discard, Links, Ready


def ready(link: int, kind: PathKind = PathKind.DIRECT) -> Ready:
    return Ready(link, kind, "test", 0)


def links(*those: Ready) -> Links:
    made = Links()
    for one in those:
        made.add(one)
    return made


def deadline(made: Links) -> float | None:
    return made.deadline


def current(made: Links) -> Ready | None:
    return made.current


def test_without_a_link_in_use_every_link_is_better() -> None:
    made = links()
    assert (made.kind, made.best, deadline(made)) == (None, None, None)
    assert all(made.is_better(kind) for kind in PathKind)


def test_lan_is_better_than_direct_and_that_than_the_relay() -> None:
    made = links(ready(1))
    assert made.use(1, 0.0) == current(made) == ready(1)
    assert {kind for kind in PathKind if made.is_better(kind)} == {PathKind.LAN}
    made.add(ready(2, PathKind.RELAY))
    made.add(ready(3, PathKind.LAN))
    assert made.best == ready(3, PathKind.LAN)
    made.remove(3)
    assert made.best == ready(1)


def test_a_link_that_was_replaced_is_closed_a_little_later() -> None:
    made = links(ready(1, PathKind.RELAY), ready(2))
    made.use(1, 0.0)
    made.use(1, 5.0)
    assert deadline(made) is None
    made.use(2, 10.0)
    assert deadline(made) == 10.0 + REPLACED_GRACE
    assert made.close_due(10.0 + REPLACED_GRACE - 0.1) == []
    assert made.close_due(10.0 + REPLACED_GRACE) == [Discard(1)]
    assert (1 in made, 2 in made, deadline(made)) == (False, True, None)


def test_a_link_that_is_used_after_all_is_not_closed() -> None:
    made = links(ready(1), ready(2))
    made.leave_unused(2, 1.0)
    assert deadline(made) == 1.0 + LOSER_GRACE
    made.use(2, 1.1)
    assert (deadline(made), made.close_due(100.0)) == (None, [])


def test_a_link_that_is_gone_is_neither_in_use_nor_closed() -> None:
    made = links(ready(1), ready(2))
    made.use(1, 0.0)
    made.leave_unused(2, 0.0)
    assert made.remove(2) == ready(2)
    assert current(made) == ready(1)
    assert made.remove(1) == ready(1)
    assert all(found is None for found in (current(made), made.kind, deadline(made), made.remove(1)))


def test_of_links_that_are_lost_the_one_in_use_comes_last() -> None:
    made = links(ready(1), ready(2), ready(3))
    lost = frozenset({1, 2, 9})
    assert made.lost_in_order(lost) == [1, 2]
    made.use(1, 0.0)
    assert made.lost_in_order(lost) == [2, 1]


def test_all_are_closed_at_the_end() -> None:
    made = links(ready(1), ready(2))
    made.use(1, 0.0)
    made.leave_unused(2, 0.0)
    assert made.close_all() == [Discard(1), Discard(2)]
    assert all(found is None for found in (current(made), deadline(made), made.best))
