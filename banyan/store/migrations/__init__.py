"""Alembic migrations. A migration spells its tables out: it must not change when `tables.py` does."""
