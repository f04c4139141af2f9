"""SQLAlchemy behind the UnitOfWork port."""
