"""Cases: patients in words and codes with the decision expected for them, run through the same pipeline as calls."""
