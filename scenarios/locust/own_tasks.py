"""Two kinds of users with tasks of their own: people who chat, and a service that searches and reranks.

locust -f scenarios/locust/own_tasks.py --headless -u 6 -t 30s --host http://gateway:8080
"""

from locust import between, constant, task

from bench.locustfile import PoolUser

CHAT = {"model": "Qwen/Qwen3-4B", "profile": "l4"}


class Person(PoolUser):
    """Asks, reads, asks on."""

    weight = 2
    wait_time = between(1, 3)

    def on_start(self):
        self.client.chat("Hello!", name="greeting", max_tokens=8, **CHAT)

    @task(3)
    def talk(self):
        """Two turns of one conversation: `keep` brings the text that the second turn needs."""
        said = [{"role": "user", "content": "What is a GPU pool?"}]
        first = self.client.chat(said, name="first", max_tokens=64, keep=True, **CHAT)
        if not first.ok:
            return
        said += [
            {"role": "assistant", "content": first.text},
            {"role": "user", "content": "And when it is cold?"},
        ]
        self.client.chat(said, name="second", after=first, max_tokens=64, temperature=0.2, **CHAT)

    @task
    def sum_up(self):
        self.client.generate("Sum up: pools scale.", name="summary", max_tokens=32, stream=False, **CHAT)


class Search(PoolUser):
    """Embeds a query and reranks what it found."""

    wait_time = constant(0.5)

    @task
    def search(self):
        query, found = "cold start", ["pools scale up", "leases end", "requests are refused"]
        self.client.encode(query, name="query", model="BAAI/bge-m3", profile="l4", is_query=True)
        reply = self.client.score(query, found, model="BAAI/bge-reranker-v2-m3", profile="l4")
        reply.raise_for_outcome()
