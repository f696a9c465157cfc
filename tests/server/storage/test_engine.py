"""What every engine promises: a transaction happens as a whole, and readers see one state."""

import pytest
from sqlalchemy import select, update

from server.storage.engine import Engine
from server.storage.tables import marks

VALUE = select(marks.c.value)
ADD = update(marks).values(value=marks.c.value + 1)


@pytest.mark.asyncio
async def test_what_a_block_wrote_is_there_for_the_next(engine: Engine) -> None:
    async with engine.write() as connection:
        await connection.execute(ADD)
    async with engine.read() as connection:
        assert (await connection.execute(VALUE)).scalar_one() == 1


@pytest.mark.asyncio
async def test_a_block_that_raises_wrote_nothing(engine: Engine) -> None:
    async def fail() -> None:
        async with engine.write() as connection:
            await connection.execute(ADD)
            raise LookupError

    with pytest.raises(LookupError):
        await fail()
    async with engine.read() as connection:
        assert (await connection.execute(VALUE)).scalar_one() == 0


@pytest.mark.asyncio
async def test_a_reader_sees_one_state_while_others_write(engine: Engine) -> None:
    async with engine.read() as reader:
        assert (await reader.execute(VALUE)).scalar_one() == 0
        async with engine.write() as writer:
            await writer.execute(ADD)
        assert (await reader.execute(VALUE)).scalar_one() == 0
