"""Which of a file's operators is what a runtime ran.

Runtimes run a graph of their own making: they fuse operators, and add some. What ran is matched by
the file's name for it or its place, or else by order. Costs may be counts or times.
"""
