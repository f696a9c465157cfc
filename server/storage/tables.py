"""The tables, as SQLAlchemy Core knows them. `migrations/` makes them; a test holds the two together.

Times are UTC seconds since 1970. Nothing in a table is worth anything
without the `secret` file beside the database: passwords and codes are keyed with it,
tokens and links are stored as digests, and mails that wait are sealed.
"""

from typing import Final

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Double,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
)

metadata: Final = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
        "pk": "pk_%(table_name)s",
    }
)

# SQLite counts rows in INTEGER PRIMARY KEY only; a big database wants 64 bits.
_RowId: Final = BigInteger().with_variant(Integer, "sqlite")

accounts: Final = Table(
    "accounts",
    metadata,
    Column("id", _RowId, primary_key=True),
    Column("email", String(254), nullable=False, unique=True),
    Column("username", String(24), nullable=False),
    Column("password_hash", String(255), nullable=False),
    Column("language", String(8), nullable=False),
    Column("created", Double, nullable=False),
    Column("address", String(254), nullable=False, server_default=""),
    sqlite_autoincrement=True,  # an id is never given twice
)
"`email` is the key that an account is found by, `address` is where its mail goes (spec §8.3)."

pending: Final = Table(
    "pending",
    metadata,
    Column("id", _RowId, primary_key=True),
    Column("purpose", String(16), nullable=False),
    Column("email", String(254), nullable=False),
    Column("decoy", Boolean, nullable=False),
    Column("username", String(24), nullable=False),
    Column("password_hash", String(255), nullable=False),
    Column("language", String(8), nullable=False),
    Column("code_digest", LargeBinary(32), nullable=False),
    Column("link_digest", LargeBinary(32), nullable=False, unique=True),
    Column("code_expires", Double, nullable=False),
    Column("link_expires", Double, nullable=False),
    Column("tries_left", Integer, nullable=False),
    Column("created", Double, nullable=False),
    Column("address", String(254), nullable=False, server_default=""),
    Index("ix_pending_email_purpose", "email", "purpose"),
    sqlite_autoincrement=True,
)
"""What waits for an answer to a mail: sign-ups, and passwords to be reset. Several of one address stand side
by side, each with its own code. A decoy stands in where none can be, and is written and read all the same."""

tokens: Final = Table(
    "tokens",
    metadata,
    Column("digest", LargeBinary(32), primary_key=True),
    Column("account", _RowId, ForeignKey("accounts.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("created", Double, nullable=False),
    Column("used", Double, nullable=False),
)

outbox: Final = Table(
    "outbox",
    metadata,
    Column("id", _RowId, primary_key=True),
    Column("pending", _RowId, nullable=False),
    Column("sealed", LargeBinary, nullable=False),
    Column("tries", Integer, nullable=False),
    Column("next_try", Double, nullable=False, index=True),
    Column("created", Double, nullable=False),
    sqlite_autoincrement=True,
)
"Mails that have not been handed over. `pending` is the row whose code the mail holds, 0 for none."

marks: Final = Table(
    "marks",
    metadata,
    Column("name", String(32), primary_key=True),
    Column("value", BigInteger, nullable=False),
)
"Single numbers: `secret` tells whether the secret file belongs here, `wrong_codes` counts."
