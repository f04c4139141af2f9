"""Use cases: one async method is one thing a person can ask for."""
