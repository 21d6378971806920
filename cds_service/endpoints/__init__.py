"""The HTTP edge over Flask: CDS Hooks, FHIR operations, health and metrics."""
