"""What generated code needs while it runs, beyond the meaning of operators, which lives in `values/`."""
