"""The plan engine, from outside and with logic given as tables."""
