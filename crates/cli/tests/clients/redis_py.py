"""redis-py as published, with its defaults: writes to one node, reads from another."""

import sys
import time

import redis

first, last = (redis.Redis(port=int(port), decode_responses=True) for port in sys.argv[1:3])


def eventually(read, expected):
    until = time.monotonic() + 10
    while (got := read()) != expected:
        assert time.monotonic() < until, f"{got!r} is not {expected!r}"
        time.sleep(0.01)


assert first.ping() and last.ping()
assert first.set("py:greeting", "hello")
eventually(lambda: last.get("py:greeting"), "hello")
assert first.set("py:greeting", "again", nx=True) is None
assert first.incr("py:count", 3) == 3
assert first.sadd("py:set", "a", "b", "c") == 3
eventually(lambda: last.smembers("py:set"), {"a", "b", "c"})
with first.pipeline(transaction=False) as pipeline:
    for number in range(1000):
        pipeline.set(f"py:{number}", number)
    assert all(pipeline.execute())
assert first.mget("py:1", "py:999", "py:none") == ["1", "999", None]
assert sorted(first.scan_iter("py:99*")) == sorted(["py:99"] + [f"py:99{n}" for n in range(10)])
assert first.set("py:gone", "x", px=50)
time.sleep(0.1)
assert first.get("py:gone") is None
try:
    first.incr("py:greeting")
    raise AssertionError("INCR of a text")
except redis.ResponseError as error:
    assert str(error) == "value is not an integer or out of range", error
three = redis.Redis(port=int(sys.argv[1]), protocol=3, decode_responses=True)
assert three.smembers("py:set") == {"a", "b", "c"}
assert three.info()["redis_version"]
print("redis-py", redis.__version__, "ok")
