"""The documented int8 route of each tool, as a user would write it down from the vendor's pages.

Each is a script of its own: ``python -m benchmarks.peers.NAME MODEL.keras CALIBRATION.npz OUT``.
"""
