"""Messages between a process and its own child, over two pipes.

A message is any picklable object. Arrays travel out of band (pickle protocol 5), so that they
are copied once, into the pipe, and not a second time into a byte string. Unpickling is safe
here because both ends are ours: nothing read from a file or a network ever comes this way.
"""

import pickle
import struct
import threading
from typing import Any, BinaryIO

_COUNT = struct.Struct("<I")
_LENGTH = struct.Struct("<Q")

Parts = list[bytearray]


class Channel:
    """One end of a pair of pipes.

    Parameters
    ----------
    reader, writer
        Unbuffered binary files. Reading is for one thread at a time; any thread may send.
    """

    def __init__(self, reader: BinaryIO, writer: BinaryIO) -> None:
        self._reader = reader
        self._writer = writer
        self._sending = threading.Lock()

    def send(self, message: object) -> None:
        """Send a message; raises OSError if the other end is gone, or what pickle raises.

        Nothing is written before the whole message is pickled, so that an object which cannot
        be pickled does not spoil the stream.
        """
        buffers: list[pickle.PickleBuffer] = []
        body = pickle.dumps(message, protocol=5, buffer_callback=buffers.append)
        parts = [memoryview(body), *(buffer.raw() for buffer in buffers)]
        header = _COUNT.pack(len(parts)) + b"".join(_LENGTH.pack(part.nbytes) for part in parts)
        with self._sending:
            for part in (memoryview(header), *parts):
                self._write(part)

    def receive_parts(self) -> Parts:
        """Wait for a message and return its bytes; raises EOFError if the other end is gone."""
        (count,) = _COUNT.unpack(self._read(_COUNT.size))
        header = self._read(count * _LENGTH.size)
        return [self._read(length) for (length,) in _LENGTH.iter_unpack(header)]

    def receive(self) -> Any:
        """Wait for a message and return it; raises EOFError if the other end is gone."""
        return load(self.receive_parts())

    def close(self) -> None:
        """Close both pipes; the other end then reads an end of file."""
        for file in (self._reader, self._writer):
            file.close()

    def _write(self, data: memoryview) -> None:
        while data.nbytes:
            data = data[self._writer.write(data) :]

    def _read(self, length: int) -> bytearray:
        data = bytearray(length)
        view = memoryview(data)
        while view.nbytes:
            count = self._reader.readinto(view)  # type: ignore[attr-defined]
            if not count:
                raise EOFError("the other process closed its pipe")
            view = view[count:]
        return data


def load(parts: Parts) -> Any:
    """Turn the bytes of a message into the object again."""
    return pickle.loads(parts[0], buffers=parts[1:])
