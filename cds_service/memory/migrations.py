"""The tables, as the steps that lead to them; a database of any earlier version is brought up to date at start."""

from __future__ import annotations

from cds_service.memory.database import Database, MemoryUnavailable, Session

# A step that was released is never changed; a change is a further step. The SQL holds for SQLite and PostgreSQL.
STEPS: tuple[tuple[str, ...], ...] = (
    (
        """CREATE TABLE decisions (
            id TEXT PRIMARY KEY, at TEXT NOT NULL, service TEXT NOT NULL, hook TEXT NOT NULL, client TEXT NOT NULL,
            plans TEXT NOT NULL, records TEXT NOT NULL, patient TEXT)""",
        "CREATE INDEX decisions_at ON decisions (at)",
        """CREATE TABLE cards (
            uuid TEXT PRIMARY KEY, decision TEXT NOT NULL, service TEXT NOT NULL, plan TEXT NOT NULL,
            action TEXT NOT NULL, indicator TEXT NOT NULL, at TEXT NOT NULL)""",
        "CREATE INDEX cards_at ON cards (at)",
        """CREATE TABLE feedback (
            id TEXT PRIMARY KEY, received TEXT NOT NULL, service TEXT NOT NULL, client TEXT NOT NULL,
            card TEXT NOT NULL, outcome TEXT NOT NULL, at TEXT NOT NULL, suggestions TEXT NOT NULL,
            reason_code TEXT, reason_system TEXT, reason_display TEXT, comment TEXT)""",
        "CREATE INDEX feedback_card ON feedback (card)",
        "CREATE TABLE tokens (id TEXT PRIMARY KEY, expires BIGINT NOT NULL)",
        "CREATE INDEX tokens_expires ON tokens (expires)",
    ),
    (
        "CREATE TABLE forms (id TEXT PRIMARY KEY, expires BIGINT NOT NULL, sealed TEXT NOT NULL)",
        "CREATE INDEX forms_expires ON forms (expires)",
        "CREATE TABLE form_answers (id TEXT PRIMARY KEY, expires BIGINT NOT NULL, sealed TEXT NOT NULL)",
    ),
    ("DELETE FROM forms",),  # beside SQLite, calls lie in files: nobody would remove those in the table
)


def migrate(database: Database) -> int:
    """Bring the tables up to date and answer with their version; processes that start together do it once."""
    version = database.run(lambda session: _migrate(session, database.kind))
    if version > len(STEPS):
        raise MemoryUnavailable(
            f"The database is of version {version}, made by a newer release; this one knows version {len(STEPS)}.",
            remedy="Run the newer release, or name another database in CDS_DATABASE_URL.",
        )
    return version


def _migrate(session: Session, kind: str) -> int:
    if kind == "postgresql":
        session.execute("SELECT pg_advisory_xact_lock(718281828)")  # SQLite's write lock is taken with the transaction
    session.execute("CREATE TABLE IF NOT EXISTS schema_version (version INTEGER NOT NULL)")
    rows = session.execute("SELECT MAX(version) FROM schema_version")
    version = int(rows[0][0] or 0)
    for step, statements in enumerate(STEPS[version:], start=version + 1):
        for statement in statements:
            session.execute(statement)
        session.execute("INSERT INTO schema_version (version) VALUES (?)", (step,))
        version = step
    return version
