"""What a plan concludes before it is a card: outcome, proposal, rating, evidence, decision record."""
