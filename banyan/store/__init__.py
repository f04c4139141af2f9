"""SQLAlchemy behind the UnitOfWork port."""

from banyan.store.open import open_store, url_for
from banyan.store.upgrade import upgrade
from banyan.store.work import SqlWork

__all__ = ["SqlWork", "open_store", "upgrade", "url_for"]
