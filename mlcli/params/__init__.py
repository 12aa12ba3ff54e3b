"""params.yaml, flags and the environment become one config that knows where each value is from."""

from mlcli.params.resolve import GIVEN, Resolved, as_flag, resolve

__all__ = ["GIVEN", "Resolved", "as_flag", "resolve"]
