"""From a source model to checked artifacts: what is asked first, what runs, what is kept."""
