import msgspec
import pytest

from floater.wire.limits import MAX_NAT_PORTS
from floater.wire.nat import UNKNOWN_NAT, Allocation, Filtering, Mapping, Nat, Stray


def test_what_is_not_known_is_not_said() -> None:
    assert msgspec.json.encode(UNKNOWN_NAT) == b"{}"
    assert msgspec.json.decode(b"{}", type=Nat) == UNKNOWN_NAT
    assert msgspec.json.encode(Nat(Mapping.OPEN)) == b'{"mapping":"open"}'


def test_a_nat_survives_the_wire() -> None:
    nat = Nat(Mapping.PORT_DEPENDENT, Filtering.PORT_DEPENDENT, Allocation.BLOCK, Stray.RESET, (1, 65_535))
    assert msgspec.json.decode(msgspec.json.encode(nat), type=Nat) == nat


@pytest.mark.parametrize(
    "text",
    [
        '{"ports":[0]}',
        '{"ports":[65536]}',
        f'{{"ports":{[1] * (MAX_NAT_PORTS + 1)}}}',
        '{"allocation":1}',
        '{"stray":null}',
    ],
)
def test_words_and_ports_that_are_none_are_refused(text: str) -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.json.decode(text, type=Nat)


@pytest.mark.parametrize("field", ["mapping", "filtering", "allocation", "stray"])
@pytest.mark.parametrize("word", ["full_cone", "", "Unknown", "漂"])
def test_a_word_of_a_later_version_counts_as_unknown(field: str, word: str) -> None:
    text = msgspec.json.encode({field: word, "ports": [40_001]})
    assert msgspec.json.decode(text, type=Nat) == Nat(ports=(40_001,))
