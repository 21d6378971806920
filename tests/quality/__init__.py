"""Quality: statistics, measures, reports."""
