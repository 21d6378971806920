"""CQL text to Python callables: lexer, parser, types, resolution, compiler, runtime."""
