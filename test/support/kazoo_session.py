"""A session of kazoo's against the server at argv[1]; exits non-zero with a traceback at the first surprise."""

import sys
import threading

from kazoo.client import KazooClient
from kazoo.exceptions import BadVersionError, NoNodeError, NodeExistsError, NotEmptyError, RolledBackError
from kazoo.recipe.counter import Counter
from kazoo.recipe.lock import Lock

hosts = sys.argv[1]
client = KazooClient(hosts=hosts, timeout=10)
client.start(timeout=15)

assert client.create("/kazoo", b"one") == "/kazoo"
assert client.get("/kazoo")[0] == b"one"
stat = client.set("/kazoo", b"two")
assert stat.version == 1
for call, error in (
    (lambda: client.create("/kazoo", b""), NodeExistsError),
    (lambda: client.get("/missing"), NoNodeError),
    (lambda: client.set("/kazoo", b"", version=7), BadVersionError),
):
    try:
        call()
    except error:
        pass
    else:
        raise AssertionError("expected %s" % error)

path = client.create("/kazoo/item-", b"x", sequence=True, ephemeral=True)
assert path == "/kazoo/item-0000000000", path
try:
    client.delete("/kazoo")
except NotEmptyError:
    pass
else:
    raise AssertionError("deleted a znode with children")
assert client.get_children("/kazoo") == ["item-0000000000"]

seen = threading.Event()
events = []


def watcher(event):
    events.append((event.type, event.path))
    seen.set()


client.get("/kazoo", watch=watcher)
client.set("/kazoo", b"three")
assert seen.wait(10)
assert events == [("CHANGED", "/kazoo")], events

transaction = client.transaction()
transaction.check("/kazoo", version=2)
transaction.create("/kazoo/multi", b"m")
transaction.delete("/kazoo/multi")
assert transaction.commit() == [True, "/kazoo/multi", True]
transaction = client.transaction()
transaction.create("/kazoo/never", b"")
transaction.check("/kazoo", version=99)
results = transaction.commit()
assert isinstance(results[0], RolledBackError) and isinstance(results[1], BadVersionError), results
assert client.exists("/kazoo/never") is None

counter = Counter(client, "/counter")


def add():
    own = KazooClient(hosts=hosts)
    own.start(timeout=15)
    lock = Lock(own, "/lock")
    for _ in range(20):
        with lock:
            own_counter = int(own.get("/value")[0])
            own.set("/value", b"%d" % (own_counter + 1))
    own.stop()
    own.close()


client.create("/value", b"0")
threads = [threading.Thread(target=add) for _ in range(4)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join(60)
assert client.get("/value")[0] == b"80", client.get("/value")
counter += 5
assert counter.value == 5

other = KazooClient(hosts=hosts)
other.start(timeout=15)
other.create("/kazoo/gone", b"", ephemeral=True)
gone = threading.Event()
assert client.exists("/kazoo/gone", watch=lambda event: gone.set())
other.stop()
other.close()
assert gone.wait(10)
assert client.command(b"ruok") == "imok"
assert client.server_version()[:2] >= (3, 8)
client.delete("/kazoo", recursive=True)
client.stop()
client.close()
print("kazoo is content")
