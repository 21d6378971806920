"""Pages for people: see what the service knows, try it, and find out why."""
