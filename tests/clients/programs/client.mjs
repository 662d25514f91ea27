// Node's own fetch (undici) as it comes.
import { readFileSync } from "node:fs";

const [url, folder] = process.argv.slice(2);
console.log("version", process.versions.node);

async function send(name, path, options) {
  const answer = await fetch(url + path, options);
  const text = await answer.text();
  console.log(name, answer.status);
  return text;
}

const row = readFileSync(`${folder}/row.json`);
const rows = readFileSync(`${folder}/rows.json`);
const post = (body, more = {}) => ({ method: "POST", headers: { "Content-Type": "application/json" }, body, ...more });

await send("get", "/livez", {});
await send("head", "/model", { method: "HEAD" });
const made = JSON.parse(await send("predict", "/predict", post(row)));
await send("batch", "/predict/batch", post(rows));
await send("chunked", "/predict/batch", post(new Blob([rows]).stream(), { duplex: "half" }));
await send("too-large", "/predict", post(Buffer.alloc(3_000_000)));
await send("feedback", "/feedback", post(JSON.stringify({ labels: [{ id: made.id, actual: true }] })));
