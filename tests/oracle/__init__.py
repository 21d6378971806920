"""A second, independent reading of the clinical tables, to hold the service against."""
