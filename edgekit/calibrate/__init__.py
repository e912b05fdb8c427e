"""Calibration data, sample choice, range estimators, and the lint before quantizing."""
