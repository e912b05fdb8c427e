"""Models in memory, one module a file format: read, name, rewrite. Nothing here quantizes."""
