"""Which commands `torchrun` may start, and which of its processes is heard."""

from __future__ import annotations

from mlcli import console
from mlcli.errors import ConfigError
from mlcli.experiments import EXPERIMENTS, about
from mlcli.scale.torchrun import launched

DETERMINISM = (
    "{n} processes have each their share of every minibatch and add up its parts; one process, or "
    "another number of them, can differ in the last digits and then in all that follows from them"
)


def refuse_unless_together(name: str) -> None:
    """Let all processes but the first be silent, and refuse what they can't do together.

    Args:
        name: of the command.

    Raises:
        ConfigError: the command works in one process, or the launch is not whole.
    """
    launch = launched()
    console.silence(launch is not None and launch.rank > 0)
    if launch is None:
        return
    together = [about(section).command for section in EXPERIMENTS if about(section).torchrun]
    if name not in together:
        raise ConfigError(
            f"under torchrun with {launch.size} processes, the command",
            must=" or ".join(together),
            got=name,
            hint=f"mlcli {name} without torchrun",
        )
