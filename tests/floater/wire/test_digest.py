"""Which digest a receiver chooses."""

from collections.abc import Sequence

import pytest

from floater.wire.digest import Digest, choose_digest


@pytest.mark.parametrize(
    ("offered", "chosen"),
    [
        (("sha256",), Digest.SHA256),
        (("sha256", "blake3"), Digest.BLAKE3),
        (("blake3",), Digest.BLAKE3),
        (("sha3", "x" * 16), Digest.SHA256),
        ((), Digest.SHA256),
    ],
)
def test_the_best_that_both_know_is_chosen(offered: Sequence[str], chosen: Digest) -> None:
    assert choose_digest(offered) is chosen
