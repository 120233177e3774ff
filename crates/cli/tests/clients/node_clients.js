// ioredis and node-redis as published, with their defaults: they write to one node and read from another.
'use strict';
const assert = require('node:assert');
const Redis = require('ioredis');
const { createClient } = require('redis');

const [first, last] = process.argv.slice(2, 4).map(Number);

async function eventually(read, expected) {
  const until = Date.now() + 10_000;
  for (;;) {
    const got = await read();
    try {
      assert.deepStrictEqual(got, expected);
      return;
    } catch (error) {
      if (Date.now() > until) throw error;
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  }
}

async function withIoredis() {
  const [a, b] = [new Redis(first), new Redis(last)];
  assert.strictEqual(await a.set('io:greeting', 'hello'), 'OK');
  await eventually(() => b.get('io:greeting'), 'hello');
  assert.strictEqual(await a.incrby('io:count', 5), 5);
  await a.sadd('io:set', 'x', 'y');
  await eventually(async () => (await b.smembers('io:set')).sort(), ['x', 'y']);
  const pipeline = a.pipeline();
  for (let n = 0; n < 500; n += 1) pipeline.set(`io:${n}`, n);
  assert.ok((await pipeline.exec()).every(([error, reply]) => error === null && reply === 'OK'));
  assert.deepStrictEqual(await a.mget('io:1', 'io:499'), ['1', '499']);
  await assert.rejects(() => a.incr('io:greeting'), /value is not an integer or out of range/);
  a.disconnect();
  b.disconnect();
}

async function withNodeRedis() {
  const open = (port) => createClient({ url: `redis://127.0.0.1:${port}` }).connect();
  const [a, b] = [await open(first), await open(last)];
  assert.strictEqual(await a.set('nr:greeting', 'hello'), 'OK');
  await eventually(() => b.get('nr:greeting'), 'hello');
  assert.strictEqual(await a.incr('nr:count'), 1);
  await a.sAdd('nr:set', ['x', 'y']);
  await eventually(async () => [...(await b.sMembers('nr:set'))].sort(), ['x', 'y']);
  const replies = await Promise.all(Array.from({ length: 500 }, (_, n) => a.set(`nr:${n}`, String(n))));
  assert.ok(replies.every((reply) => reply === 'OK'));
  const keys = [];
  for await (const page of a.scanIterator({ MATCH: 'nr:49?' })) keys.push(...[].concat(page));
  assert.strictEqual(new Set(keys).size, 10);
  await a.close();
  await b.close();
}

withIoredis()
  .then(withNodeRedis)
  .then(() => console.log('ioredis and node-redis ok'))
  .catch((error) => {
    console.error(error);
    process.exit(1);
  });
