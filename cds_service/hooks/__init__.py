"""The CDS Hooks contract as frozen types: parse requests, render responses."""
