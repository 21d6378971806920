"""CQL text to a syntax tree: a table of parselets, filled by one module per chapter of the grammar."""
