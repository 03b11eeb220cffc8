"""Training an ensemble: options, samples, augmentation, schedule, one member's run, the whole run."""
