"""The log of a process, the same for all: structlog as JSON lines, or text on a terminal, libraries' warnings in it.

Tracebacks never show the values of variables: structlog's own would on a terminal, as soon as `rich` is installed, and
a frame of ours may hold a Secret's data.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterable
from typing import Any

import structlog


def configure_logging(*, only_errors_of: Iterable[str] = ()) -> None:
    """Send every log line of the process to stderr in one form; standard logging from WARNING on.

    `only_errors_of` names loggers of libraries whose warnings mean nothing here.
    """
    terminal = sys.stderr.isatty()
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    if not terminal:
        shared.append(structlog.processors.format_exc_info)
    renderer: Any = (
        structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)
        if terminal
        else structlog.processors.JSONRenderer()
    )
    structlog.configure(
        processors=[*shared, renderer],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[structlog.stdlib.add_logger_name, *shared],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
        )
    )
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
    for name in only_errors_of:
        logging.getLogger(name).setLevel(logging.ERROR)
