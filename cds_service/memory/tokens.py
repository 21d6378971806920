"""Remembers which tokens were used, for all processes, until they expire of themselves."""

from __future__ import annotations

from hashlib import blake2b

from cds_service.memory.database import Database, Session

_PURGE_EVERY = 512


class UsedTokens:
    """The identities (`jti`) of tokens that were accepted once."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._uses = 0

    def use(self, issuer: str, jti: str, expires: int, now: int) -> bool:
        """Whether this is the first use; whichever process asks, only one is told so."""
        identity = blake2b(f"{issuer}\x1f{jti}".encode(), digest_size=16).hexdigest()
        self._uses += 1
        purges = self._uses % _PURGE_EVERY == 1

        def insert(session: Session) -> bool:
            if purges:
                session.execute("DELETE FROM tokens WHERE expires < ?", (now,))
            sql = "INSERT INTO tokens (id, expires) VALUES (?, ?) ON CONFLICT (id) DO NOTHING RETURNING id"
            return bool(session.execute(sql, (identity, expires)))

        return self._database.run(insert)
