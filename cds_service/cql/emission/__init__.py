"""From the typed tree to Python: one function per definition, readable with `--show python`."""
