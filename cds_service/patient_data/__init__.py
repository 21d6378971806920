"""Answers data needs: prefetch first, the client's FHIR server second."""
