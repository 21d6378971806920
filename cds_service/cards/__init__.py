"""Turns outcomes into cards and system actions that are valid by construction."""
