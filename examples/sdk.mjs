// The official JavaScript SDK, unchanged, drives two tenants over one kept-alive connection.
//
//   npm install && node sdk.mjs http://one.localhost:8090 http://two.localhost:8090
//
// Both tenants need the same superuser: POCKER_EMAIL and POCKER_PASSWORD, or the arguments three and four.
// It makes a collection `books` in each (an earlier one is dropped), reads and writes both in turn, and exits with 1 at
// the first answer that is not the expected one.
import assert from 'node:assert/strict';
import PocketBase, { ClientResponseError } from 'pocketbase';
import { Agent, setGlobalDispatcher } from 'undici';

const [urlOne, urlTwo, email = process.env.POCKER_EMAIL, password = process.env.POCKER_PASSWORD] = [
  process.argv[2] ?? process.env.POCKER_ONE ?? 'http://one.localhost:8090',
  process.argv[3] ?? process.env.POCKER_TWO ?? 'http://two.localhost:8090',
  ...process.argv.slice(4),
];
if (!email || !password) {
  console.error('usage: node sdk.mjs URL_ONE URL_TWO EMAIL PASSWORD');
  process.exit(2);
}

// Browsers resolve every *.localhost to this machine; Node asks the system, which may not. So the name stays in the Host
// header, where the server reads it, and the connection goes to 127.0.0.1. Since both tenants then have one address, the
// agent's single connection serves both, as one from a reverse proxy would. With real domains, leave these lines out.
const agent = new Agent({ connections: 1, pipelining: 1, keepAliveTimeout: 30_000 });
let connections = 0;
agent.on('connect', () => { connections += 1; });
setGlobalDispatcher(agent.compose((dispatch) => (options, handler) => {
  const url = new URL(options.origin);
  if (!url.hostname.endsWith('.localhost')) return dispatch(options, handler);
  const headers = { ...options.headers, host: url.host };
  return dispatch({ ...options, origin: `http://127.0.0.1:${url.port || 80}`, headers }, handler);
}));

const say = (text) => console.log(`  ${text}`);

/** The answer's error, which must have this status. */
async function refused(status, promise) {
  const error = await promise.then(() => assert.fail(`expected ${status}, but it was allowed`), (reason) => reason);
  assert.ok(error instanceof ClientResponseError, `not an answer: ${error}`);
  assert.equal(error.status, status, `${error.url}: ${JSON.stringify(error.response)}`);
  return error;
}

async function prepare(name, url) {
  const pb = new PocketBase(url);
  pb.autoCancellation(false);
  const health = await pb.health.check();
  assert.equal(health.code, 200);
  const { record } = await pb.collection('_superusers').authWithPassword(email, password);
  assert.equal(record.email, email);
  assert.ok(pb.authStore.isValid && pb.authStore.isSuperuser);
  await pb.collections.delete('books').catch(() => undefined);
  const users = await pb.collections.getOne('users');
  const books = await pb.collections.create({
    name: 'books',
    type: 'base',
    listRule: '',
    viewRule: '',
    createRule: '@request.auth.id != "" && @request.body.owner = @request.auth.id',
    updateRule: 'owner = @request.auth.id',
    deleteRule: 'owner = @request.auth.id',
    fields: [
      { name: 'title', type: 'text', required: true, max: 40 },
      { name: 'pages', type: 'number', onlyInt: true, min: 1 },
      { name: 'genres', type: 'select', values: ['novel', 'essay', 'poem'], maxSelect: 2 },
      { name: 'owner', type: 'relation', collectionId: users.id, maxSelect: 1 },
      { name: 'created', type: 'autodate', onCreate: true },
    ],
    indexes: ['CREATE UNIQUE INDEX `idx_books_title` ON `books` (`title`)'],
  });
  assert.deepEqual(books.fields.map((field) => field.name), ['id', 'title', 'pages', 'genres', 'owner', 'created']);
  const secret = `secret-of-${name}`;
  const address = `reader-${Date.now()}@${name}.example`;
  await pb.collection('users').create({ email: address, name, password: secret, passwordConfirm: secret });
  say(`${name}: logged in as superuser, made collection ${books.id} and a user`);

  const reader = new PocketBase(url);
  reader.autoCancellation(false);
  await reader.collection('users').authWithPassword(address, secret);
  const before = reader.authStore.token;
  await reader.collection('users').authRefresh();
  assert.ok(before && reader.authStore.isValid);
  return { name, pb, reader };
}

async function write({ name, reader }) {
  const owner = reader.authStore.record.id;
  const books = reader.collection('books');
  for (const [index, title] of ['Aura', 'Birds', 'Clouds', 'Dunes'].entries()) {
    const genres = index % 2 ? ['essay'] : ['novel', 'poem'];
    const book = await books.create({ title: `${title} of ${name}`, pages: 100 * (index + 1), genres, owner });
    assert.deepEqual([book.title, book.pages, book.genres], [`${title} of ${name}`, 100 * (index + 1), genres]);
  }
  const missing = await refused(400, books.create({ pages: 5, owner }));
  assert.equal(missing.response.data.title.code, 'validation_required');
  const twice = await refused(400, books.create({ title: `Aura of ${name}`, owner }));
  assert.equal(twice.response.data.title.code, 'validation_not_unique');
  await refused(400, books.create({ title: 'not mine', owner: 'x'.repeat(15) }));
  say(`${name}: wrote four books, was refused three`);
}

async function read({ name, pb, reader }) {
  const books = reader.collection('books');
  const page = await books.getList(1, 2, { sort: '-pages', expand: 'owner' });
  assert.deepEqual([page.totalItems, page.totalPages, page.items.map((book) => book.pages)], [4, 2, [400, 300]]);
  assert.equal(page.items[0].expand.owner.name, name);
  const filter = reader.filter('pages > {:pages} && genres:each ?= {:genre}', { pages: 150, genre: 'poem' });
  const found = await books.getFullList({ filter, fields: 'title' });
  assert.deepEqual(found, [{ title: `Clouds of ${name}` }]);
  const aura = await books.getFirstListItem(`title ~ "aura"`);
  const edited = await books.update(aura.id, { 'pages+': 23 });
  assert.equal(edited.pages, 123);
  assert.equal((await books.getOne(aura.id)).pages, 123);
  const stranger = new PocketBase(pb.baseURL);
  await refused(404, stranger.collection('books').update(aura.id, { pages: 1 }));
  await refused(400, books.getList(1, 1, { filter: 'nothing = 1' }));
  await books.delete(aura.id);
  await refused(404, books.getOne(aura.id));
  say(`${name}: listed, filtered, expanded, edited and deleted`);
}

/** Many requests at once, the tenants in turn: each answer must come from the tenant that was asked. */
async function interleave(tenants) {
  const asked = Array.from({ length: 60 }, (_, index) => tenants[index % tenants.length]);
  const answers = await Promise.all(asked.map(({ reader }) => reader.collection('books').getFullList({ sort: 'title' })));
  for (const [index, books] of answers.entries()) {
    assert.deepEqual(books.map((book) => book.title), ['Birds', 'Clouds', 'Dunes'].map((title) => `${title} of ${asked[index].name}`));
  }
  say(`${asked.length} lists, the tenants in turn: every one from the right tenant`);
}

/** A tenant's token is worth nothing at another one. */
async function separate([one, two]) {
  const thief = new PocketBase(two.pb.baseURL);
  thief.authStore.save(one.pb.authStore.token, one.pb.authStore.record);
  await refused(401, thief.collections.getList());
  await refused(401, thief.collection('_superusers').authRefresh());
  say(`a superuser of ${one.name} is nobody at ${two.name}`);
}

const nameOf = (url) => new URL(url).hostname.split('.')[0];
const tenants = [];
for (const url of [urlOne, urlTwo]) {
  const path = new URL(url).pathname.match(/\/t\/([^/]+)/);
  const name = path ? path[1] : nameOf(url);
  console.log(`${name} at ${url}`);
  tenants.push(await prepare(name, url));
}
console.log('both, in turn');
for (const step of [write, read]) await Promise.all(tenants.map(step));
await interleave(tenants);
await separate(tenants);
await agent.close();
console.log(`all as expected, over ${connections} connection${connections === 1 ? '' : 's'}`);
