"""FHIRPath text to Python callables, on the same values and model as CQL."""
