"""The edge of the program: errors become one sentence and an exit code."""

from __future__ import annotations

import _thread
import os
import signal
import sys
import threading
import traceback
import warnings
from types import FrameType
from typing import Any, NoReturn

from mlcli.errors import (
    EXIT_DONE,
    EXIT_FAILED,
    EXIT_INPUT,
    EXIT_INTERRUPTED,
    MlcliError,
    machine_failure,
)

TRACEBACK_VARIABLE = "MLCLI_TRACEBACK"
AGAIN_SECONDS = 0.05
COMPLETION_VARIABLE = "_MLCLI_COMPLETE"
COMPLETION = ("--install-completion", "--show-completion")


def main(arguments: list[str] | None = None) -> NoReturn:
    """Run the command line and exit with the code of the contract."""
    from mlcli.scale.threads import set_thread_variables

    # Before any library that has threads is loaded.
    set_thread_variables()
    # What a user should know is a sentence of ours. Python's warnings, of any library, are for
    # those who ask for them, by -W or PYTHONWARNINGS.
    if not sys.warnoptions:
        warnings.simplefilter("ignore")
    keep_interrupts()
    code = call(arguments)
    if code == EXIT_INTERRUPTED:
        # After Ctrl-C inside an exec (a dataclass being made, say) CPython would end by the signal
        # in spite of the handler; scripts are promised this code.
        from mlcli import console

        console.flush()
        os._exit(code)
    sys.exit(code)


def keep_interrupts() -> None:
    """Raise an interrupt again that lands in a finaliser, where Python would print and drop it."""
    usual = sys.unraisablehook

    def hook(found: sys.UnraisableHookArgs) -> None:
        if issubclass(found.exc_type, KeyboardInterrupt):
            # Not from here: this too is called from the finaliser.
            threading.Timer(AGAIN_SECONDS, _thread.interrupt_main).start()
        else:
            usual(found)

    sys.unraisablehook = hook


def call(arguments: list[str] | None = None) -> int:
    """Run the command line and return the exit code."""
    from mlcli import console

    given = sys.argv[1:] if arguments is None else arguments
    console.speak_json(False)
    try:
        _interrupt_on_terminate()
        code = _invoke(given)
        # Typer turns Ctrl-C inside a command into this code, and says nothing.
        if code == EXIT_INTERRUPTED:
            raise KeyboardInterrupt
        console.flush()
    except MlcliError as error:
        console.error(str(error))
        return error.exit_code
    except KeyboardInterrupt:
        console.error("interrupted; no file was left half written")
        return EXIT_INTERRUPTED
    except SystemExit as error:
        # A shell asked for completions, or the user for the script that makes it ask.
        if COMPLETION_VARIABLE in os.environ or any(one.startswith(COMPLETION) for one in given):
            return EXIT_DONE if error.code in (None, EXIT_DONE) else EXIT_FAILED
        # The help is printed by a library that ends the program if its reader went away (`| head`);
        # of all else `console` takes care.
        if {"--help", "-h"} & set(given):
            return EXIT_DONE
        if not given:
            return EXIT_INPUT
        console.error("the pipe to another process broke; try --jobs 1")
        return EXIT_FAILED
    except Exception as error:
        from mlcli.commands.usage import usage_sentence

        if type(error).__name__ == "NoArgsIsHelpError":
            return EXIT_INPUT  # the help was shown
        if usage := usage_sentence(error):
            console.error(usage)
            return EXIT_INPUT
        if sentence := machine_failure(error):
            console.drop_unwritten()
            console.error(sentence)
            return EXIT_FAILED
        if os.environ.get(TRACEBACK_VARIABLE):
            traceback.print_exc()
        first = (str(error).splitlines() or [""])[0]
        console.error(
            f"this is a bug: {type(error).__name__}: {first}; please report it with the output of "
            f"`mlcli doctor` and of the same command under {TRACEBACK_VARIABLE}=1"
        )
        return EXIT_FAILED
    return code


def _invoke(arguments: list[str]) -> int:
    import typer

    from mlcli.cli import app

    command: Any = typer.main.get_command(app)
    code = command.main(args=arguments, prog_name="mlcli", standalone_mode=False)
    return code if isinstance(code, int) else EXIT_DONE


def _interrupt_on_terminate() -> None:
    """SIGTERM unwinds like Ctrl-C, so that partial folders are removed."""

    def interrupt(number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, interrupt)


if __name__ == "__main__":
    main()
