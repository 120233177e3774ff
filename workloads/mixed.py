"""A dozen clients of one Redis server, each with a connection and a pace of its own.

Started by `record`. The same seed sends the same commands along each connection; how the connections interleave is
up to the machine. Keys are drawn from a Zipf distribution, and no key is used with two types.
"""

import argparse
import itertools
import random
import threading
import time

import redis

CONNECTIONS = 12
KEYS = 300
ZIPF_EXPONENT = 1.1
MAX_THINK_SECONDS = 0.03
SEED = 20240229

RANKS = range(1, KEYS + 1)
CUMULATIVE_WEIGHTS = list(itertools.accumulate(rank**-ZIPF_EXPONENT for rank in RANKS))

NAMES = ["Ada Lovelace", 'Grace "Amazing" Hopper', "Edsger Dijkstra", "Bärbel Müller", "Łukasz Żak", "王小明", "C:\\Turing"]
ITEMS = ["tea", "coffee beans", "pão de queijo", 'the "big" mug', "filter no. 4", "spoon", "sugar\tcubes", "☕ voucher"]


def value(rng):
    """A short value of a string: mostly text, sometimes several lines, sometimes bytes that are no text."""
    kind = rng.random()
    name = rng.choice(NAMES)
    if kind < 0.80:
        return f"{name}, visit {rng.randrange(10_000)}".encode()
    if kind < 0.93:
        return f"name: {name}\r\nbell: \a\b\nseen: {rng.randrange(100)}".encode()
    return rng.randbytes(rng.randrange(4, 24))


def member(rng):
    """A member of a cart."""
    return f"{rng.choice(ITEMS)} {rng.randrange(20)}".encode()


def command(rng):
    """The next command of one client."""
    rank = rng.choices(RANKS, cum_weights=CUMULATIVE_WEIGHTS)[0]
    user, hits, cart = f"user:{rank}", f"hits:{rank}", f"cart:{rank}"
    kind = rng.random()
    if kind < 0.32:
        return "GET", user
    if kind < 0.52:
        return "SET", user, value(rng)
    if kind < 0.64:
        return "INCR", hits
    if kind < 0.68:
        return "GET", hits
    if kind < 0.82:
        return "SADD", cart, *(member(rng) for _ in range(rng.randrange(1, 4)))
    if kind < 0.89:
        return "SREM", cart, member(rng)
    if kind < 0.97:
        return "SMEMBERS", cart
    return "DEL", rng.choice([user, hits, cart])


def client(port, seed, commands):
    """Sends a number of commands along one connection, with pauses for thought."""
    rng = random.Random(seed)
    pace = rng.uniform(0.2, 1.0) * MAX_THINK_SECONDS
    with redis.Redis(host="127.0.0.1", port=port, single_connection_client=True) as connection:
        for _ in range(commands):
            connection.execute_command(*command(rng))
            time.sleep(rng.uniform(0.05, 1.0) * pace)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("port", type=int)
    parser.add_argument("commands", type=int, help="how many commands all clients send together")
    arguments = parser.parse_args()
    share, rest = divmod(arguments.commands, CONNECTIONS)
    failures = []

    def run(number):
        try:
            client(arguments.port, SEED + number, share + (number < rest))
        except Exception as error:  # A thread's exception would otherwise not reach the exit status.
            failures.append(error)

    threads = [threading.Thread(target=run, args=(number,)) for number in range(CONNECTIONS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise SystemExit(f"{len(failures)} of {CONNECTIONS} clients failed, the first with: {failures[0]!r}")


if __name__ == "__main__":
    main()
