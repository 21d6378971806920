"""Recorded calls and bundles through the same pipeline, and what changed between two runs."""
