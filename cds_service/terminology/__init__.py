"""Membership, subsumption, translation and lookup over value sets, code systems and concept maps."""
