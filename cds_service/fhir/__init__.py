"""FHIR R4: the model as data, resources as read-only structs, references, canonicals."""
