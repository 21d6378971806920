"""The FHIR R4 (4.0.1) model: types, elements, choices and code paths as facts in one data file."""
