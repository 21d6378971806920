"""The patient as evaluation sees it: typed, indexed, dated, with origin."""
