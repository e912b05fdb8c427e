"""Reports on a terminal: tables and notes within 80 columns."""
