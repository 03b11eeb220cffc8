import numpy as np

from napari_qsa.images import immunohistochemistry


def test_the_embedded_image_needs_no_download(monkeypatch):
    import socket

    def refuse(*arguments, **options):
        raise AssertionError("the network was used")

    monkeypatch.setattr(socket, "socket", refuse)
    image = immunohistochemistry()
    assert image.pixels.shape == (512, 512, 3)
    assert image.pixels.dtype == np.uint8
    assert image.pixel_size is None
