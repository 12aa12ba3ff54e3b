"""The error tree. Every user error is one sentence: what, must be, got, try.

MlcliError              exit 1   failed at run time
├── InputError          exit 2   usage, parameters or data
│   ├── ConfigError              a flag, a variable or a line of params.yaml
│   └── DataError                a file or a data set
├── GateError           exit 3   a gate failed
├── NoAnswerError       exit 4   diverged, or no valid answer exists
└── Interrupted         exit 130 Ctrl-C, with work kept to go on from
"""

from __future__ import annotations

import errno

EXIT_DONE = 0
EXIT_FAILED = 1
EXIT_INPUT = 2
EXIT_GATE = 3
EXIT_NO_ANSWER = 4
EXIT_INTERRUPTED = 130
EXIT_CODES = {
    EXIT_DONE: "done",
    EXIT_FAILED: "failed at run time",
    EXIT_INPUT: "usage, parameters or data are wrong",
    EXIT_GATE: "a gate failed, or a repeated result differs",
    EXIT_NO_ANSWER: "diverged, or no valid answer exists",
    EXIT_INTERRUPTED: "interrupted; a finished result is whole",
}


# What torch, the dynamic linker and the thread library say.
MEMORY_WORDS = (
    "can't allocate memory",
    "Cannot allocate memory",
    "not enough memory",
    "out of memory",
    "can't start new thread",
    "failed to map segment",
)
# Of one line; names in a damaged file may be as long as the file.
MOST_CHARACTERS = 1000


class MlcliError(Exception):
    """A failure that is explained to the user in one sentence.

    Args:
        what: the subject of the sentence, or the whole sentence when nothing else is given.
        must: what the subject must be.
        got: what it was.
        hint: what to try next.
    """

    exit_code = EXIT_FAILED

    def __init__(
        self,
        what: str,
        *,
        must: str | None = None,
        got: str | None = None,
        hint: str | None = None,
    ) -> None:
        sentence = what
        if must is not None:
            sentence += f" must be {must}"
        if got is not None:
            sentence += f", got {got}" if must is not None else f": got {got}"
        if hint is not None:
            sentence += f"; try {hint}"
        super().__init__("\n".join(map(_cut, sentence.split("\n"))))


def _cut(line: str) -> str:
    """A line, without its middle where it is too long: what was wrong, and what to try."""
    half = MOST_CHARACTERS // 2 - 3
    return line if len(line) <= MOST_CHARACTERS else f"{line[:half]} ... {line[-half:]}"


class InputError(MlcliError):
    """Usage, parameters or data are wrong."""

    exit_code = EXIT_INPUT


class ConfigError(InputError):
    """A flag, an environment variable or a line of params.yaml is wrong."""


class DataError(InputError):
    """A file or a data set can't be used as asked."""


class GateError(MlcliError):
    """A gate on a metric failed."""

    exit_code = EXIT_GATE


class NoAnswerError(MlcliError):
    """The computation diverged, or the question has no valid answer."""

    exit_code = EXIT_NO_ANSWER


class Interrupted(MlcliError):
    """Ctrl-C or SIGTERM; what is done so far was kept."""

    exit_code = EXIT_INTERRUPTED


def machine_failure(error: BaseException) -> str | None:
    """The sentence for what is the machine's failure and nobody's bug: memory, disk, a file.

    Args:
        error: what was raised; libraries wrap it in errors of their own.

    Returns:
        None if it is something else.
    """
    if _is_want_of_memory(error):
        return "out of memory; try fewer rows, a lower degree or --jobs 1"
    if not isinstance(error, OSError):
        return None
    if error.errno == errno.EFBIG:
        return "the system allows no larger file; the earlier result, if any, is untouched"
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return "the disk is full; the earlier result, if any, is untouched"
    where = f"{error.filename}: " if error.filename else ""
    return f"{where}{error.strerror or error}"


def _is_want_of_memory(error: BaseException | None) -> bool:
    while error is not None:
        if isinstance(error, MemoryError) or getattr(error, "errno", None) == errno.ENOMEM:
            return True
        if any(words in str(error) for words in MEMORY_WORDS):
            return True
        error = error.__cause__ or error.__context__
    return False
