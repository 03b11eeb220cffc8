"""The fully convolutional networks, plain torch modules, by name."""
