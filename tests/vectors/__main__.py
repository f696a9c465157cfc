"""`python -m tests.vectors`: write the golden blocks of `protocol_spec.md` anew."""

from tests.vectors.blocks import SPEC, golden_blocks, with_blocks

SPEC.write_text(with_blocks(SPEC.read_text("utf-8"), golden_blocks()), "utf-8")
