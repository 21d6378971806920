"""Reads, compiles and checks plandefinitions/ and terminology/ at start, atomically."""
