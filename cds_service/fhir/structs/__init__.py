"""FHIR resources as typed structs, and the ways from and to JSON."""
