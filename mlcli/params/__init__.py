"""params.yaml, flags and the environment become one config that knows where each value is from."""

from mlcli.params.resolve import Resolved, resolve

__all__ = ["Resolved", "resolve"]
