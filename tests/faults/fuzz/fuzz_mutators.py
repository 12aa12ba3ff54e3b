"""Whole files -> damaged and hostile ones. Everything is drawn from one seeded generator."""

from __future__ import annotations

import io
import json
import struct
import zipfile
import zlib
from collections.abc import Sequence
from copy import deepcopy
from random import Random
from typing import Any

ESCAPES = "\x1b]0;title\x07\x1b[2J"
TAG = "<script>alert(1)</script>"
# Leaves that readers of numbers, names and paths have stumbled over somewhere.
ODD: tuple[Any, ...] = (
    None,
    True,
    False,
    0,
    1,
    -1,
    2,
    7,
    255,
    2**31,
    2**63,
    -(2**63),
    10**30,
    10**400,
    0.5,
    -0.0,
    1e-320,
    1e300,
    float("nan"),
    float("inf"),
    float("-inf"),
    "",
    " ",
    "nan",
    "1e400",
    "0x1F",
    "true",
    "\x00",
    "\ud800",
    "é" * 40,
    "a" * 5000,
    "../../../../etc/passwd",
    "/etc/passwd",
    "/dev/zero",
    "=1+1",
    TAG,
    ESCAPES,
    "{{ 7 * 7 }}",
    [],
    {},
    [[]],
    {"": None},
    [0],
    [None],
    {"mean": 1},
    "9" * 5000,
    [1, "a", None],
    [float("nan")],
    -5,
    10**9,
    3.0,
    "0",
)
BYTES = (
    b"\0",
    b"\xff",
    b"\n",
    b"\r",
    b'"',
    b",",
    b"\t",
    b"\xef\xbb\xbf",
    b"\xff\xfe",
    b"\x1b[2J",
    b"\xed\xa0\x80",
    b"1e999",
    b"nan",
    b"-",
    b"9" * 400,
    b"\xe2\x80\xae",
    b"(" * 200,
    b"[" * 200,
    b"\xff\xff\xff\x7f",
    b"\0\0\0\x80",
    b"\xff" * 8,
    b"\0" * 8,
)


def odd(rng: Random) -> Any:
    """An odd leaf or branch."""
    # A copy: what is put into a tree is changed with it.
    return deepcopy(rng.choice(ODD))


def damaged(rng: Random, content: bytes, tokens: Sequence[bytes] = BYTES) -> bytes:
    """A file with one to six of its bytes, pieces or ends changed."""
    found = bytearray(content)
    for _ in range(rng.choice((1, 1, 1, 2, 3, 6))):
        at = rng.randrange(len(found) + 1)
        width = rng.choice((1, 1, 2, 4, 8, 32))
        match rng.randrange(8):
            case 0 if found:
                found[at % len(found)] ^= 1 << rng.randrange(8)
            case 1 if found:
                found[at % len(found)] = rng.randrange(256)
            case 2:
                found[at:at] = rng.choice(tokens)
            case 3:
                del found[at : at + width]
            case 4:
                del found[at:]
            case 5:
                found[at:at] = found[at : at + 8 * width]
            case 6:
                found[at : at + width] = rng.randbytes(width)
            case _:
                token = rng.choice(tokens)
                found[at : at + len(token)] = token
    return bytes(found)


def branches(tree: Any) -> list[tuple[Any, Any]]:
    """Every place of a tree of mappings and lists, as (holder, key)."""
    found: list[tuple[Any, Any]] = []
    pairs = (
        tree.items()
        if isinstance(tree, dict)
        else enumerate(tree)
        if isinstance(tree, list)
        else ()
    )
    for key, value in list(pairs):
        found.append((tree, key))
        found += branches(value)
    return found


def changed_tree(rng: Random, tree: Any, more: Sequence[Any] = ()) -> Any:
    """The same tree with one to four places changed; `tree` itself is changed too."""
    for _ in range(rng.choice((1, 1, 1, 2, 4))):
        places = branches(tree)
        if not places:
            return odd(rng)
        holder, key = rng.choice(places)
        match rng.randrange(9):
            case 0:
                del holder[key]
            case 1 if isinstance(holder, dict):
                holder[str(odd(rng))] = holder.pop(key)
            case 2:
                holder[key] = [holder[key]]
            case 3:
                holder[key] = {"value": holder[key]}
            case 4:
                other, place = rng.choice(places)
                holder[key] = json.loads(
                    json.dumps(
                        other.get(place)
                        if isinstance(other, dict)
                        else other[place % max(1, len(other))]
                        if other
                        else None
                    )
                )
            case 5 if isinstance(holder[key], int | float) and not isinstance(holder[key], bool):
                holder[key] = rng.choice((-1, 2, 0.5, 1000)) * holder[key]
            case 6 if isinstance(holder[key], list):
                holder[key] = holder[key] * rng.choice((0, 2, 3))
            case 7 if more:
                holder[key] = rng.choice(more)
            case _:
                holder[key] = odd(rng)
    return tree


def json_bytes(rng: Random, tree: Any) -> bytes:
    """A changed tree as JSON, or JSON that is damaged or nested beyond any stack."""
    match rng.randrange(12):
        case 0:
            return damaged(rng, json.dumps(tree).encode())
        case 1:
            return b'{"a":' * rng.choice((50, 5000)) + b"1"
        case 2:
            return b"[" * 100_000 + b"]" * rng.choice((0, 100_000))
        case _:
            return json.dumps(changed_tree(rng, tree)).encode()


def png_chunks(content: bytes) -> list[tuple[bytes, bytes]]:
    """The chunks of a whole PNG file, kind and content."""
    found, at = [], 8
    while at < len(content):
        (length,) = struct.unpack(">I", content[at : at + 4])
        found.append((content[at + 4 : at + 8], content[at + 8 : at + 8 + length]))
        at += 12 + length
    return found


def png_of(chunks: Sequence[tuple[bytes, bytes]]) -> bytes:
    """A PNG file whose checksums are right."""
    parts = [b"\x89PNG\r\n\x1a\n"]
    for kind, content in chunks:
        checksum = struct.pack(">I", zlib.crc32(kind + content))
        parts.append(struct.pack(">I", len(content)) + kind + content + checksum)
    return b"".join(parts)


def odd_png(rng: Random, content: bytes) -> bytes:
    """A PNG file with right checksums and wrong content."""
    chunks = png_chunks(content)
    at = rng.randrange(len(chunks))
    kind, body = chunks[at]
    match rng.randrange(6):
        case 0:
            chunks[0] = (
                b"IHDR",
                struct.pack(
                    ">IIBBBBB",
                    rng.choice((0, 1, 8, 9000, 2**31 - 1)),
                    rng.choice((0, 8, 9000, 2**31)),
                    rng.choice((0, 1, 2, 4, 8, 16, 32)),
                    rng.choice((0, 2, 3, 4, 6, 7)),
                    0,
                    0,
                    rng.randrange(3),
                ),
            )
        case 1:
            chunks[at] = (kind, damaged(rng, body))
        case 2:
            chunks.insert(1, (b"zTXt", b"a\0\0" + zlib.compress(b"\0" * 10**7)))
        case 3:
            known = (b"tRNS", b"PLTE", b"gAMA", b"eXIf", b"iCCP", b"acTL", b"IDAT", b"IEND")
            chunks.insert(rng.randrange(len(chunks) + 1), (rng.choice(known), rng.randbytes(9)))
        case 4:
            del chunks[at]
        case _:
            chunks = [(k, zlib.compress(b"\0" * 10**6) if k == b"IDAT" else c) for k, c in chunks]
    return png_of(chunks)


def npy_bytes(header: str, body: bytes, version: tuple[int, int] = (1, 0)) -> bytes:
    """An NPY file with any header at all."""
    text = header.encode("latin1", "replace") + b"\n"
    size = (
        struct.pack("<H", min(len(text), 65535))
        if version == (1, 0)
        else struct.pack("<I", len(text))
    )
    return b"\x93NUMPY" + bytes(version) + size + text + body


def odd_npy(rng: Random, like: Any) -> bytes:
    """An NPY file whose header is odd."""
    shape = rng.choice(
        (
            like.shape,
            (*like.shape, 1),
            (10**12,),
            (0, 10**9),
            (0,),
            (),
            (2**63, 2),
            (-1,),
            (1, 0),
            (0, 3, 10**9, 10**9),
            (like.size, 2, 3),
            (3, 4, 5, 6, 7),
            (True,),
            ("a",),
            (1.5,),
            None,
            (10**9, 0),
        )
    )
    descr: Any = rng.choice(
        (
            like.dtype.str,
            "<f8",
            ">f4",
            "<i8",
            "|b1",
            "<c16",
            "|O",
            "<U0",
            "<U4",
            "|S3",
            "|V0",
            "<M8[ns]",
            "<f2",
            "|V8",
            [("a", "<f8")],
            "<f8,<f8",
            "(3,)f8",
            "x",
            5,
            None,
            "<g16",
            "<U1000000",
            "|S1000000000",
        )
    )
    header: str = repr({"descr": descr, "fortran_order": rng.random() < 0.5, "shape": shape})
    match rng.randrange(6):
        case 0:
            header = damaged(rng, header.encode()).decode("latin1")
        case 1:
            header = rng.choice(
                (
                    "(" * 3000,
                    "{'descr': 'f8'",
                    "'\\d'",
                    "[" * 150 + "]" * 150,
                    "\tif:\n  x",
                    "1" * 5000,
                    " " * 60_000,
                    "{'a':" * 90,
                    "\\",
                    "'''",
                    header.replace("8", "8L"),
                )
            )
    version = rng.choice(((1, 0), (1, 0), (2, 0), (3, 0), (9, 9)))
    return npy_bytes(header, like.tobytes(), version)


def odd_npz(rng: Random, arrays: dict[str, Any]) -> bytes:
    """An NPZ archive with odd members, names, sizes or packing."""
    import numpy as np

    file = io.BytesIO()
    packing = rng.choice(
        (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_LZMA, zipfile.ZIP_BZIP2)
    )
    is_bomb = packing == zipfile.ZIP_DEFLATED and rng.random() < 0.1
    victim = rng.choice(list(arrays))
    with zipfile.ZipFile(file, "w", packing) as archive:
        for name, array in arrays.items():
            plain = io.BytesIO()
            np.save(plain, array)
            content = odd_npy(rng, array) if name == victim else plain.getvalue()
            if name == victim and is_bomb:
                # Blanks pack a thousand to one.
                claim = struct.pack("<I", 5 * 10**7)
                content = b"\x93NUMPY\x02\x00" + claim + b" " * (5 * 10**7)
            if name == victim and rng.random() < 0.2:
                name = rng.choice(("../x", "/etc/x", "a/b", "X", "t", "", "\x1b[2J", TAG))
            archive.writestr(f"{name}.npy", content)
    found = file.getvalue()
    return damaged(rng, found) if rng.random() < 0.3 else found


def odd_safetensors(rng: Random, content: bytes) -> bytes:
    """A safetensors file whose header is odd and of the size that it says."""
    (size,) = struct.unpack("<Q", content[:8])
    header, body = json.loads(content[8 : 8 + size]), content[8 + size :]
    shapes = (
        [0, 10**12],
        [10**6, 10**6],
        [-1],
        [],
        [1],
        [0],
        "F64",
        "F8_E4M3",
        "BF16",
        "I64",
        "U8",
        "BOOL",
        [0, 2**64],
        [8, 0],
    )
    text = json.dumps(changed_tree(rng, header, shapes)).encode()
    length = rng.choice((len(text), len(text), len(text), len(text), 2**63, 0, len(text) + 1))
    return struct.pack("<Q", length) + text + body
