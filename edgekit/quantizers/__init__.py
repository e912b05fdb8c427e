"""Float artifact and calibration to quantized artifact, one module a quantizer."""
