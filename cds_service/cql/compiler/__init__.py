"""From syntax to the typed tree, one module per chapter of the reference."""
