"""The frame around every command: whatever a command did not foresee ends as a sentence, too."""

import os
import sys
import traceback
from typing import Final

from lutong_console.cli.errors import PROBLEM, UNREACHABLE, USAGE, ConsoleError

SHOWN: Final = "LUTONG_TRACEBACK"
"""Set it to see where an error comes from."""
_ANSWERS: Final = {"asyncpg": "PostgreSQL", "aiokafka": "Kafka", "httpx": "a service", "httpcore": "a service"}


def explained(error: BaseException) -> ConsoleError:
    """An error that no command foresaw, in a sentence: with the file, the piece or the argument that it is about."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    if isinstance(error, ConsoleError):
        return error
    words = " ".join(str(error).split()) or type(error).__name__
    package = type(error).__module__.partition(".")[0]
    if isinstance(error, UnicodeError) and (odd := [each for each in sys.argv if not _is_text(each)]):
        return ConsoleError(f"{odd[0]!r} is no text in the charset of this terminal: see LANG and LC_ALL", code=USAGE)
    if package in _ANSWERS:
        return ConsoleError(f"{_ANSWERS[package]} does not do it: {words}", then="lutong status", code=UNREACHABLE)
    if isinstance(error, ConnectionError | TimeoutError):
        return ConsoleError(f"what is asked does not answer: {words}", then="lutong status", code=UNREACHABLE)
    if isinstance(error, OSError):
        where = f"{error.filename}: " if error.filename else ""
        return ConsoleError(f"{where}{error.strerror or words}", code=PROBLEM)
    at = traceback.extract_tb(error.__traceback__)
    where = f" ({os.path.basename(at[-1].filename)}:{at[-1].lineno})" if at else ""  # noqa: PTH119  # a name alone
    return ConsoleError(
        f"this is a bug of lutong: {type(error).__name__}: {words}{where}",
        then=f"the same with {SHOWN}=1, and report what it shows",
        code=PROBLEM,
    )


def _is_text(argument: str) -> bool:
    return not any("\ud800" <= character <= "\udfff" for character in argument)
