"""What was decided and what users said to it, kept in SQLite or PostgreSQL."""
