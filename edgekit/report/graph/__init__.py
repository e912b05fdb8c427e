"""The graph of a file as people look at it: on a terminal, as a picture, in other tools."""
