"""One hook request in, one decision out; live or replayed, every call comes through here."""
