"""Hostile images and IDX files, and the readers they come in by."""

from __future__ import annotations

import gzip
import shutil
from pathlib import Path
from random import Random

import fuzz_mutators as mutators
from fuzz_seeds import Readers, idx_bytes, seed


def make_images(rng: Random, seeds: Path, folder: Path) -> None:
    names = [path.name for path in sorted(seeds.iterdir()) if path.suffix in (".png", ".jpg")]
    for kind in ("a", "b"):
        (folder / "classes" / kind).mkdir(parents=True)
        shutil.copyfile(seeds / "RGB.png", folder / "classes" / kind / "1.png")
    name = rng.choice(names)
    content = seed(seeds, name)
    odd = name.endswith("png") and rng.random() < 0.5
    content = mutators.odd_png(rng, content) if odd else mutators.damaged(rng, content)
    (folder / "classes" / "a" / f"2{Path(name).suffix}").write_bytes(content)


def image_readers(folder: Path, rng: Random) -> Readers:
    from mlcli.datasets.describe import describe_images
    from mlcli.datasets.pictures import read_picture
    from mlcli.datasets.rows import ModelInputs, batches
    from mlcli.datasets.source import open_source

    classes = folder / "classes"
    (path,) = (one for one in (classes / "a").iterdir() if one.stem == "2")
    resize = rng.choice((None, (4, 5)))
    wanted = ModelInputs((), None, (3, 7, 9), None)
    yield "picture", lambda: read_picture(path, 5)
    yield "open", lambda: open_source(str(classes), resize=resize).replicate(0, 0)
    yield "describe", lambda: describe_images(str(classes), None)
    yield "predict", lambda: list(batches(str(classes), wanted, 2))


def make_idx(rng: Random, seeds: Path, folder: Path) -> None:
    content = seed(seeds, "images.idx")
    match rng.randrange(4):
        case 0:
            shape = [
                rng.choice((0, 1, 4, 2**16, 2**31, 2**32 - 1)) for _ in range(rng.randrange(9))
            ]
            content = idx_bytes(shape, 64)
        case 1:
            # A bomb: the packed zeros are fewer than the dimensions say, by far.
            content = idx_bytes((2**20, 2**12), 0) + b"\0" * rng.choice((10**6, 3 * 10**7))
        case _:
            content = mutators.damaged(rng, content)
    if rng.random() < 0.5:
        content = gzip.compress(content, mtime=0)
        content = mutators.damaged(rng, content) if rng.random() < 0.3 else content
    (folder / "images.idx").write_bytes(content)


def idx_readers(folder: Path, rng: Random) -> Readers:
    from mlcli.datasets.idx import load_with_hash

    yield "load", lambda: load_with_hash(folder / "images.idx")
