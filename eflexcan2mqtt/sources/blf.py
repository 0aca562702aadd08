"""Vector's binary format (.blf): this module finds the objects, python-can reads them.

Behind a header of 144 bytes come objects, most of them containers with objects of their own,
packed, which may go on in the next container.  Each begins with LOBJ and its size.  python-can
ends at the first damaged one; here the next LOBJ is looked for.  A container that cannot be
unpacked costs about 2,600 frames.
"""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Iterable, Iterator
from itertools import chain, islice
from typing import BinaryIO, NamedTuple

import can

from . import EARLIEST
from .formats import FormatReader, Logged
from .traces import logged_by

_FILE_HEADER = 144
_FILE_SIGNATURE = struct.pack("<4sL", b"LOGG", _FILE_HEADER)
_SIGNATURE = b"LOBJ"
_OBJECT = struct.Struct("<4sHHLL")  # signature, header's size and version, size, type
_CONTAINER = struct.Struct("<H6xL4x")  # method, size when unpacked
_CONTAINER_TYPE = 10
_INDEX_TYPE = 115  # it says where in the file which time is
_STORED, _DEFLATED = 0, 2
_HEADERS = {1: 32, 2: 40}  # bytes, by version
# Bytes behind the header of the objects that python-can makes messages of.
_FRAMES = {1: 16, 86: 16, 73: 32, 100: 84, 101: 40}
_NEAR = 8 + len(_SIGNATURE)  # how far behind its place an object is looked for: there is padding
_FAR = 1 << 40
_LARGEST = 4 << 20  # bytes; containers usually have 128 KiB
_CHUNK = 65_536
_BATCH = 1000


class _Object(NamedTuple):
    """An object as it stands; ``whole`` is False if the file or its container ends before it."""

    kind: int
    data: bytes
    whole: bool


class Blf(FormatReader):
    """The reader of such a recording."""

    def _logged(self, file: BinaryIO) -> Iterator[Logged]:
        header = file.read(_FILE_HEADER)
        first = b""
        if not header.startswith(_FILE_SIGNATURE):
            self._damage("header")
            header, first = _FILE_SIGNATURE.ljust(_FILE_HEADER, b"\0"), header
        chunks = chain([first], iter(lambda: file.read(_CHUNK), b""))
        objects = self._objects(self._unpacked(self._objects(chunks)))
        frames = (each.data for each in objects if self._is_frame(each))
        for batch in iter(lambda: list(islice(frames, _BATCH)), []):
            # Only now is the start known of a header that says it.
            reader = can.BLFReader(io.BytesIO(header + _stored(batch)))
            self.absolute = reader.start_timestamp > EARLIEST
            messages = list(map(logged_by, reader))
            for _ in range(len(batch) - len(messages) + messages.count(None)):
                self._damage("frame")
            yield from filter(None, messages)

    def _objects(self, chunks: Iterable[bytes | None]) -> Iterator[_Object]:
        """Find the objects in chunks; None stands for a gap between two of them."""
        buffer, reach = b"", _NEAR
        expected = since = 0  # where an object should begin; where to look for one if not
        for chunk in chain(chunks, [None]):
            buffer += chunk or b""
            enough = len(_SIGNATURE) if chunk is None else _NEAR + _OBJECT.size
            while len(buffer) - expected >= enough:
                at = buffer.find(_SIGNATURE, expected, expected + reach)
                found = _object_at(buffer, at)
                if found and not found.whole and chunk is not None:
                    break
                if found:
                    yield found
                if at >= 0:
                    since = at + len(_SIGNATURE)
                if found and found.whole:
                    expected, reach = at + len(found.data), _NEAR
                elif reach == _NEAR:
                    self._damage("object")
                    expected, reach = since, _FAR
                else:
                    expected = since = since if at >= 0 else len(buffer) - len(_SIGNATURE) + 1
            if chunk is None:
                buffer, expected, since, reach = b"", 0, 0, _FAR
            else:
                buffer, expected, since = buffer[since:], expected - since, 0

    def _unpacked(self, objects: Iterable[_Object]) -> Iterator[bytes | None]:
        """The contents of containers; None where some is missing."""
        for each in objects:
            start = _OBJECT.size + _CONTAINER.size
            if each.kind == _INDEX_TYPE:
                continue
            if each.kind != _CONTAINER_TYPE or len(each.data) < start:
                self._damage("container")
                yield None
                continue
            method, size = _CONTAINER.unpack_from(each.data, _OBJECT.size)
            packed = each.data[start:]
            content: bytes | None = None
            whole = each.whole
            if method == _STORED:
                content = packed[:size]
            elif method == _DEFLATED:
                content, whole = _inflated(packed, whole)
            if content is None:
                self._damage("container")
                whole = False
            else:
                yield content
            if not whole:
                yield None

    def _is_frame(self, each: _Object) -> bool:
        _, _, version, size, kind = _OBJECT.unpack_from(each.data)
        if kind not in _FRAMES or not each.whole:
            return False
        # A shorter one would be read together with what stands behind it.
        long_enough = version in _HEADERS and size >= _HEADERS[version] + _FRAMES[kind]
        if not long_enough:
            self._damage("frame")
        return long_enough

    def _damage(self, what: str) -> None:
        self._report("", f"a damaged {what} near byte {self.position}; searching for the next")

    def _skipped(self) -> str:
        return f"{self.damaged} damaged parts"


def _object_at(buffer: bytes, at: int) -> _Object | None:
    if at < 0 or len(buffer) - at < _OBJECT.size:
        return None
    _, _, _, size, kind = _OBJECT.unpack_from(buffer, at)
    if not _OBJECT.size <= size <= _LARGEST:
        return None
    return _Object(kind, buffer[at : at + size], at + size <= len(buffer))


def _inflated(packed: bytes, whole: bool) -> tuple[bytes | None, bool]:
    """What a container holds, None if it is damaged, and whether that is all."""
    inflate = zlib.decompressobj()
    try:
        content = inflate.decompress(packed, _LARGEST)
    except zlib.error:
        return None, False
    # Damage is found at the end, by a checksum: only at the end of a cut file there is none.
    return (content, inflate.eof) if inflate.eof or not whole else (None, False)


def _stored(objects: list[bytes]) -> bytes:
    """A container of these objects, for python-can."""
    content = b"".join(objects)
    size = _OBJECT.size + _CONTAINER.size + len(content)
    head = _OBJECT.pack(_SIGNATURE, _OBJECT.size, 1, size, _CONTAINER_TYPE)
    return head + _CONTAINER.pack(_STORED, len(content)) + content
