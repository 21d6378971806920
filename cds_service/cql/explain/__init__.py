"""Why a definition has its value, what is missing for it, and which data it reads."""
