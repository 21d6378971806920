"""The clinical content: what it holds, what its cards say, and that no Python knows it."""
