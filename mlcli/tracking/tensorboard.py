"""TensorBoard: one event file in runs/tensorboard/<command>/<hash>."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlcli.tracking.record import Record, replaced

if TYPE_CHECKING:
    from tensorboard.compat.proto.event_pb2 import Event

ROOT = Path("runs") / "tensorboard"
# TensorBoard finds files by this prefix.
EVENTS = "events.out.tfevents"


def log(record: Record) -> str:
    """Log parameters, metrics, curves, figures and the manifest.

    TensorBoard keeps single precision: the digits are in details.json.

    Raises:
        Exception: what the library raises.
    """
    from tensorboard.summary.writer.record_writer import RecordWriter

    target = ROOT / record.command / record.run
    with replaced(target, lambda name: name.startswith(EVENTS)) as partial:
        path = partial / f"{EVENTS}.{round(record.started)}.mlcli"
        with path.open("wb") as file:
            writer = RecordWriter(file)
            for event in _events(record):
                event.wall_time = record.started
                writer.write(event.SerializeToString())
    return str(target)


def _events(record: Record) -> Iterator[Event]:
    from tensorboard.compat.proto.event_pb2 import Event
    from tensorboard.compat.proto.summary_pb2 import Summary

    def scalar(tag: str, value: float, step: int) -> Event:
        return Event(step=step, summary=Summary(value=[Summary.Value(tag=tag, simple_value=value)]))

    yield Event(file_version="brain.Event:2")
    for summary in _texts(record):
        yield Event(step=0, summary=summary)
    for name, value in record.metrics.items():
        yield scalar(f"metrics/{name}", value, 0)
    for name, points in record.series.items():
        for step, value in points:
            yield scalar(name, value, step)
    for name in record.figures:
        picture = Summary.Value(
            tag=f"figures/{Path(name).stem}", image=_image(record.folder / name)
        )
        yield Event(step=0, summary=Summary(value=[picture]))


def _texts(record: Record) -> Iterator[Any]:
    """Parameters for the table of runs, and to read; hashes; the manifest."""
    from tensorboard.plugins.hparams.summary_v2 import hparams_pb
    from tensorboard.plugins.text.summary_v2 import text_pb

    yield hparams_pb(dict(record.config), trial_id=record.run, start_time_secs=record.started)
    rows = [f"| {key} | {text} | {record.sources[key]} |" for key, text in record.config.items()]
    yield text_pb("config", "\n".join(["| parameter | value | source |", "|---|---|---|", *rows]))
    tags = "\n".join(f"| {key} | {text} |" for key, text in record.tags.items())
    yield text_pb("tags", f"| tag | value |\n|---|---|\n{tags}")
    yield text_pb("manifest.json", (record.folder / "manifest.json").read_text(encoding="utf-8"))


def _image(path: Path) -> Any:
    from PIL import Image
    from tensorboard.compat.proto.summary_pb2 import Summary

    with Image.open(path) as picture:
        width, height = picture.size
        n_channels = len(picture.getbands())
    return Summary.Image(
        height=height, width=width, colorspace=n_channels, encoded_image_string=path.read_bytes()
    )
