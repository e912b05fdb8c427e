"""Many files on many devices: who measures what, when, and what is done when a device fails.

``jobs`` says what is to be done, ``journal`` keeps what has been done, ``schedule`` decides,
``run`` carries out, on a ``workforce``: processes here (``pool``) or a Ray cluster (``cluster``).
"""
