"""Names by which a stranger could pass for the operator."""

import pytest

from floater.wire.reserved import is_reserved


@pytest.mark.parametrize(
    "name",
    [
        "Admin", "ADMIN", "ａｄｍｉｎ", "\u0410dmin", "Adm\u0456n", "4dm1n", "A d m i n", "Admin 2",
        "-admin-", "àdmin",
        "FLOATER", "Fl\u03bfater", "FL0ATER", "f.l.o.a.t.e.r", "系统", "系統", "管理员", "客服 01",
        "Moderator", "漂",
    ],
)  # fmt: skip
def test_a_name_that_reads_like_the_operator_is_reserved(name: str) -> None:
    assert is_reserved(name)


@pytest.mark.parametrize(
    "name", ["Ann", "安娜", "Адам", "Modest", "Adminka", "漂流", "🙂", "42", "Root Beer", "Марк"]
)
def test_the_name_of_a_person_is_not_reserved(name: str) -> None:
    assert not is_reserved(name)
