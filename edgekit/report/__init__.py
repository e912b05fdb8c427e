"""The report and its views: JSON, its schema, Markdown, and the terminal."""
