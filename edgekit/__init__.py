"""Takes Keras models to edge devices, and proves what it cost."""
