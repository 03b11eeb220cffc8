"""Ensembles of quantized FCNs: train, predict, save, load. The public class is `Ensemble`."""
