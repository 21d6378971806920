"""Short clinical free text to concepts, with negation, history and uncertainty; evidence of a lower kind."""
