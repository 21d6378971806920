"""Published conformance suites, run from their own files, and the cases that the project keeps itself."""
