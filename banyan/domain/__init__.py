"""Frozen dataclasses and enums. No IO, no clock."""
