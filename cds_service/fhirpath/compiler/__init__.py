"""FHIRPath trees to Python functions: one module per chapter of the specification fills the table of functions."""
