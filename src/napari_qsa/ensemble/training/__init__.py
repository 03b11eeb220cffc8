"""Training an ensemble: options, samples, augmentation, schedule; one member, the whole run."""
