"""Take part in the election, where the settings say so; what that needs is loaded only then."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator

from jethook_contract.errors import Invalid
from jethook_operator.core.election import Candidate
from jethook_operator.shell.leadership import Alone, Leadership, LeaseLeadership, default_identity
from jethook_operator.shell.settings import OperatorSettings


@contextlib.asynccontextmanager
async def elected(settings: OperatorSettings) -> AsyncIterator[Leadership]:
    """Give what tells whether this process leads; raises Invalid where there can be no election.

    Its client is its own, with connections of its own: no flood of other requests holds a renewal back.
    """
    if not settings.leader_elect:
        yield Alone()
        return
    if settings.provider != "kubernetes":
        raise Invalid("NoElection", "--leader-elect needs --provider kubernetes: the election is held in its API")
    from jethook_operator.shell.kube import KubeApi, load_configuration  # the client: 0.5 s that files do not need
    from jethook_operator.shell.lease_store import LeaseStore

    api = KubeApi(await load_configuration(kubeconfig=settings.kubeconfig, context=settings.context))
    try:
        leases = LeaseStore(api, namespace=settings.namespace)
        yield LeaseLeadership(leases, candidate=Candidate(identity=default_identity()))
    finally:
        await api.close()
