"""The accounts that speak."""
