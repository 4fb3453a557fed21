// Works with a server through the official client and writes what it got as JSON.
// node flows.cjs FOLDER-WITH-NODE_MODULES URL
const { createRequire } = require("node:module");
const [, , folder, url] = process.argv;
const { QdrantClient } = createRequire(folder + "/")("@qdrant/js-client-rest");

const NAME = "from javascript";
const UUID = "550e8400-e29b-41d4-a716-446655440000";
const client = new QdrantClient({ url });
const red = { must: [{ key: "colour", match: { value: "red" } }] };

const ids = (points) => points.map((point) => point.id);

async function refused(request) {
  try {
    await request;
    return null;
  } catch (error) {
    return { status: error.status ?? null, told: error.data?.status?.error ?? String(error) };
  }
}

const flows = {
  async collection() {
    const before = (await client.collectionExists(NAME)).exists;
    const created = await client.createCollection(NAME, {
      vectors: { size: 2, distance: "Dot" },
      sparse_vectors: { words: { modifier: "idf" } },
    });
    const index = await client.createPayloadIndex(NAME, { field_name: "n", field_schema: "integer", wait: true });
    const info = await client.getCollection(NAME);
    return {
      before,
      created,
      index: index.status,
      after: (await client.collectionExists(NAME)).exists,
      vectors: info.config.params.vectors,
      schema: Object.keys(info.payload_schema),
      listed: (await client.getCollections()).collections.map((found) => found.name),
    };
  },

  async upsert() {
    const points = [1, 2, 3, 4].map((n) => ({
      id: n,
      vector: { "": [n, 1], words: { indices: [n, 9], values: [1, 0.5] } },
      payload: { n, colour: n % 2 ? "red" : "blue", tags: ["a", "t" + n], at: { lon: n, lat: 50 } },
    }));
    points.push({ id: UUID, vector: { "": [0.5, 0.5] }, payload: { colour: "green" } });
    const stored = await client.upsert(NAME, { wait: true, points });
    const batch = await client.upsert(NAME, {
      wait: true,
      batch: { ids: [10, 11], vectors: [[-1, 0], [-2, 0]], payloads: [{ colour: "red" }, null] },
    });
    return { statuses: [stored.status, batch.status], count: (await client.count(NAME)).count };
  },

  async query() {
    const nearest = await client.query(NAME, { query: [1, 0], limit: 3, with_payload: ["n"], with_vector: true });
    const fused = await client.query(NAME, {
      prefetch: [
        { query: [1, 0], limit: 4 },
        { query: { indices: [2], values: [1] }, using: "words", limit: 4 },
      ],
      query: { fusion: "rrf" },
      limit: 1,
    });
    const grouped = await client.queryGroups(NAME, { query: [1, 0], group_by: "colour", group_size: 1, limit: 3 });
    const [first, second] = await client.queryBatch(NAME, { searches: [{ query: 1, limit: 1 }, { query: [0, -1], limit: 1 }] });
    return {
      nearest: nearest.points.map(({ id, score, payload, vector }) => ({ id, score, payload, vector })),
      fused: ids(fused.points),
      groups: grouped.groups.map((group) => [group.id, ids(group.hits)]),
      batch: [ids(first.points), ids(second.points)],
      legacy: ids(await client.search(NAME, { vector: [1, 0], limit: 2 })),
      recommended: ids(await client.recommend(NAME, { positive: [1], negative: [10], limit: 2 })),
    };
  },

  async scroll() {
    const pages = [];
    let offset = undefined;
    do {
      const page = await client.scroll(NAME, { limit: 3, offset, with_payload: false });
      pages.push(ids(page.points));
      offset = page.next_page_offset;
    } while (offset !== null && offset !== undefined);
    const ordered = await client.scroll(NAME, { order_by: { key: "n", direction: "desc" }, limit: 2 });
    return { pages, ordered: ordered.points.map((point) => [point.id, point.order_value]) };
  },

  async filter() {
    const near = { center: { lon: 1, lat: 50 }, radius: 100000 };
    const found = async (filter) => ids((await client.scroll(NAME, { filter, limit: 20 })).points);
    return {
      red: await found(red),
      range: await found({ must: [{ key: "n", range: { gt: 1, lte: 3 } }] }),
      any: await found({ should: [{ key: "tags", match: { any: ["t2", "t4"] } }] }),
      not: await found({ must_not: [red.must[0], { is_empty: { key: "n" } }] }),
      geo: await found({ must: [{ key: "at", geo_radius: near }] }),
      ids: await found({ must: [{ has_id: [1, UUID, 99] }] }),
      facet: (await client.facet(NAME, { key: "n", exact: true })).hits,
    };
  },

  async change() {
    await client.setPayload(NAME, { wait: true, payload: { seen: true }, points: [1] });
    await client.overwritePayload(NAME, { wait: true, payload: { only: 1 }, points: [2] });
    await client.deletePayload(NAME, { wait: true, keys: ["tags", "at"], points: [1] });
    await client.updateVectors(NAME, { wait: true, points: [{ id: 3, vector: [7, 7] }] });
    const [one, two, three] = await client.retrieve(NAME, { ids: [1, 2, 3], with_vector: true });
    return { one: one.payload, two: two.payload, three: three.vector };
  },

  async delete() {
    await client.delete(NAME, { wait: true, points: [UUID] });
    await client.delete(NAME, { wait: true, filter: red });
    const left = ids((await client.scroll(NAME, { limit: 20 })).points);
    const aliased = await client.updateCollectionAliases({
      actions: [{ create_alias: { collection_name: NAME, alias_name: "alias" } }],
    });
    return {
      left,
      aliased: aliased && (await client.count("alias")).count,
      deleted: await client.deleteCollection(NAME),
      again: await client.deleteCollection(NAME),
    };
  },

  async errors() {
    await client.createCollection("small", { vectors: { size: 2, distance: "Dot" } });
    const told = {
      missing: await refused(client.query("no such thing", { query: [1, 0] })),
      size: await refused(client.upsert("small", { wait: true, points: [{ id: 1, vector: [1, 2, 3] }] })),
      id: await refused(client.upsert("small", { wait: true, points: [{ id: -1, vector: [1, 2] }] })),
      twice: await refused(client.createCollection("small", { vectors: { size: 2, distance: "Dot" } })),
      point: await refused(client.setPayload("small", { wait: true, payload: { a: 1 }, points: [5] })),
    };
    await client.deleteCollection("small");
    return told;
  },
};

(async () => {
  const told = { version: (await client.versionInfo()).version };
  for (const [name, flow] of Object.entries(flows)) {
    told[name] = await flow().catch((error) => ({ failed: String(error), data: error.data ?? null }));
  }
  console.log(JSON.stringify(told));
})();
