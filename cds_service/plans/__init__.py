"""PlanDefinition $apply: from facts to an outcome for every action."""
