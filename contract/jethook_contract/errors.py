"""The errors of Jethook, by what the reader can do about them.

::

    JethookError                 has a CamelCase `reason` and a `message` that names the field, the fault and the cure
    |-- Invalid                  the user must change something; trying again cannot help
    |-- Waiting                  something that is named does not exist yet; its arrival is the next try
    |-- Unavailable              an outside system does not answer; try again with back-off
    `-- Bug                      a state that the code says cannot be

A failed delivery attempt is no exception but a value (`Outcome`, in the dispatcher).
"""

from __future__ import annotations


class JethookError(Exception):
    """Carry a machine-readable reason beside the text.

    `reason` is CamelCase and stable (it appears in conditions, events, metrics); `message` is for people, holds no
    secret, and says what is wrong, where, and what to do.
    """

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(f"{reason}: {message}")
        self.reason = reason
        self.message = message


class Invalid(JethookError):
    """What was given cannot be accepted; its author must change it."""


class Waiting(JethookError):
    """Something that is referred to is not there yet."""


class Unavailable(JethookError):
    """An outside system does not answer; the caller tries again later."""


class Bug(JethookError):
    """The program contradicts itself."""
