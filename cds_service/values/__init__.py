"""The System types of CQL and FHIRPath: logic, numbers, quantities, dates, intervals, lists, codes."""
