"""Tests of cds_service.pipeline."""
