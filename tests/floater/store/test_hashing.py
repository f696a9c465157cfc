"""The hashes, against the examples of their own specifications."""

import pytest

from floater.store.hashing import new_hash
from floater.wire.digest import Digest

# FIPS 180-4, and the test vectors of BLAKE3 for the input 0, 1, 2.
EXAMPLES = {
    Digest.SHA256: (b"abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
    Digest.BLAKE3: (b"\x00\x01\x02", "e1be4d7a8ab5560aa4199eea339849ba8e293d55ca0a81006726d184519e647f"),
}


@pytest.mark.parametrize("digest", Digest)
def test_it_is_the_hash_of_its_name_however_the_bytes_come(digest: Digest) -> None:
    data, expected = EXAMPLES[digest]
    whole, parts = new_hash(digest), new_hash(digest)
    whole.update(data)
    for piece in (bytes(data[:1]), bytearray(data[1:2]), memoryview(data)[2:]):
        parts.update(piece)
    assert whole.digest().hex() == parts.digest().hex() == expected
    assert len(whole.digest()) == 32
