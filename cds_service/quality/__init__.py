"""Measures over many patients: outcomes, complications, cement spread, and their statistics."""
