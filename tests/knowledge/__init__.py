"""Tests of cds_service.knowledge."""
