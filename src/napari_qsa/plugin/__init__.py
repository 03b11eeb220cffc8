"""The front in napari: reader, samples, layers, docks. Its process never imports torch."""
