"""Catalogs of every language we speak, and the tool that keeps them in step."""
