"""Every operator and function of CQL as data: names, operand types, result type, and where its meaning lives."""
