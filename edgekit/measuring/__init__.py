"""What is to be measured on devices, as `edgekit bench` and farms ask for it, and scoring there."""
