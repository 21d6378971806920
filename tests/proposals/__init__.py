"""Tests of cds_service.proposals."""
