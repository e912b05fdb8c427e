"""How a history's tables came about, step by step (alembic)."""
