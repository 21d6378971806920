"""Who may call: JWT authentication and the settings of each client."""
