"""Begin to serve metrics and probes, where the settings say so; what that needs is loaded only then."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

from jethook_contract.monitoring import serve
from jethook_operator.shell.settings import OperatorSettings

if TYPE_CHECKING:
    from jethook_operator.shell.monitoring import Monitoring


@contextlib.asynccontextmanager
async def monitored(settings: OperatorSettings) -> AsyncIterator[Monitoring | None]:
    """Serve while the block runs, from before NATS is there; None: nobody asks. Raises Invalid as `serve` does."""
    if settings.metrics is None:
        yield None
        return
    from jethook_operator.shell.monitoring import Monitoring  # prometheus-client: 3 MB, 40 ms

    monitoring = Monitoring(settings)
    async with serve(settings.metrics, shown=monitoring):
        yield monitoring
