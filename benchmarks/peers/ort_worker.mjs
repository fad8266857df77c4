// SPDX-License-Identifier: MIT
// The side of ONNX Runtime in models.py, which starts this, and at whose top the lines stand that both exchange.
//     node ort_worker.mjs FOLDER      FOLDER has node_modules/onnxruntime-node
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join, resolve } from "node:path";
import { createInterface } from "node:readline";

const require = createRequire(join(resolve(process.argv[2] ?? "."), "index.js"));
const ort = require("onnxruntime-node");
const { version } = require("onnxruntime-node/package.json");

const threads = Number(process.env.TSHIFT_PEER_THREADS ?? "1");
const options = {
  executionProviders: ["cpu"],
  executionMode: "sequential",
  graphOptimizationLevel: "all",
  intraOpNumThreads: threads,
  interOpNumThreads: 1,
};

let session = null;
let feeds = null;
let folder = null;

async function load(words) {
  const [batch, frames, width] = [words[9], words[10], words[2]].map(Number);
  folder = words.slice(12).join(" ");
  if (session !== null) await session.release();
  session = await ort.InferenceSession.create(join(folder, "model.onnx"), options);
  const bytes = readFileSync(join(folder, "x.f32"));
  if (bytes.length !== 4 * batch * frames * width) throw new Error("x.f32 does not have the size of x");
  const values = new Float32Array(batch * frames * width);
  for (let i = 0; i < values.length; ++i) values[i] = bytes.readFloatLE(4 * i);
  feeds = { x: new ort.Tensor("float32", values, [batch, frames, width]) };
  return "ok";
}

async function forward() {
  if (session === null) throw new Error("nothing is loaded");
  return (await session.run(feeds)).y;
}

async function run(untimed, timed) {
  for (let i = 0; i < untimed; ++i) await forward();
  const start = process.hrtime.bigint();
  for (let i = 0; i < timed; ++i) await forward();
  return `run ${Number(process.hrtime.bigint() - start) / 1e6 / timed}`;
}

/// `amount` per nanosecond, of the fastest of several runs.
async function rateOf(graph, input, amount) {
  const product = await ort.InferenceSession.create(join(folder, graph), options);
  await product.run(input);
  let least = Infinity;
  for (let spent = 0; spent < 0.3e9; ) {
    const start = process.hrtime.bigint();
    await product.run(input);
    const taken = Number(process.hrtime.bigint() - start);
    least = Math.min(least, taken);
    spent += taken;
  }
  await product.release();
  return amount / least;
}

async function floor() {
  const [frames, width] = feeds.x.dims[2] < 192 ? [374, 768] : feeds.x.dims.slice(1);  // product_of in models.py
  const values = Float32Array.from({ length: frames * width }, (_, i) => (i % 101) / 101);
  const first = (rows) => ({ x: new ort.Tensor("float32", values.slice(0, rows * width), [1, rows, width]) });
  const gflops = await rateOf("sgemm.onnx", first(frames), 2 * frames * 4 * width * width);
  const gbytes = await rateOf("read.onnx", first(1), 16 * width * width);
  return `floor ${gflops} ${gbytes}`;
}

async function answer(line) {
  const [command, ...words] = line.split(" ");
  if (command === "load") return await load(words);
  if (command === "logits") return ["logits", ...(await forward()).data].join(" ");
  if (command === "run") return await run(Number(words[0]), Number(words[1]));
  if (command === "floor") return await floor();
  throw new Error(`unknown command ${command}`);
}

console.log(`ready onnxruntime-node ${version}, node ${process.versions.node}, CPU provider, ${threads} thread(s)`);
for await (const line of createInterface({ input: process.stdin })) {
  if (line === "quit") break;
  try {
    console.log(await answer(line));
  } catch (error) {
    console.log(`error ${String(error.message ?? error).replace(/\s+/g, " ")}`);
  }
}
