"""Clinical reasoning as a service: FHIR data in, CDS Hooks cards out."""
