"""The lease of a pool, which clients renew once a minute: both kinds at once, because that minute is long."""

import time

from tests.sdk.clients import AsyncClient, Client, SyncClient


def renewed_s(client: Client, pool: str) -> float:
    """When the gateway last heard of the pool's owner; asking lets an asynchronous client work as well."""
    return float(client.call("get_pool", pool)["status"]["last_renewed"])


def test_clients_renew_the_lease_of_their_pools(url: str) -> None:
    """Each client's own renewal moves the instant of the last renewal."""
    owners: dict[str, Client] = {"sync": SyncClient(url), "async": AsyncClient(url)}
    for pool, client in owners.items():
        client.call("create_pool", pool, {"l4": 1})
    first_s = {pool: renewed_s(client, pool) for pool, client in owners.items()}
    waiting, deadline_s = set(owners), time.monotonic() + 90
    while waiting:
        assert time.monotonic() < deadline_s, waiting
        time.sleep(1)
        waiting = {pool for pool in waiting if renewed_s(owners[pool], pool) == first_s[pool]}
    for pool, client in owners.items():
        client.call("delete_pool", pool)
        client.close()
