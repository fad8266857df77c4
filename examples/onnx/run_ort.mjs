// SPDX-License-Identifier: MIT
// ONNX Runtime's side of check.py, which writes what this reads:
//     node run_ort.mjs FOLDER RUNS      FOLDER has node_modules/onnxruntime-node
// RUNS/runs.json lists [{model, opset, runs: [{dims, at}]}]; x.f32 and y.f32 hold the inputs and what must come out,
// both at byte `at`. Bits are compared, not numbers: NaNs count.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join, resolve } from "node:path";

const [folder, runs] = process.argv.slice(2).map((path) => resolve(path));
const require = createRequire(join(folder, "index.js"));
const ort = require("onnxruntime-node");
const { version } = require("onnxruntime-node/package.json");

const bytesOf = (name) => {
  const file = readFileSync(join(runs, name));
  return file.buffer.slice(file.byteOffset, file.byteOffset + file.length);
};
const x = bytesOf("x.f32");
const y = bytesOf("y.f32");

const size = (dims) => dims.reduce((product, n) => product * n, 1);
const counts = {};
for (const { model, opset, runs: cases } of JSON.parse(readFileSync(join(runs, "runs.json"), "utf8"))) {
  const session = await ort.InferenceSession.create(join(runs, `${model}.onnx`), {
    executionProviders: ["cpu"],
    intraOpNumThreads: 1,
    logSeverityLevel: 3,
  });
  for (const { dims, at } of cases) {
    const input = new ort.Tensor("float32", new Float32Array(x, at, size(dims)), dims);
    const output = (await session.run({ x: input })).y;
    const got = Buffer.from(output.data.buffer, output.data.byteOffset, output.data.byteLength);
    const same = output.dims.join() === dims.join() && got.equals(Buffer.from(y, at, 4 * size(dims)));
    if (!same) {
      console.error(`FAILED: ${model}, opset ${opset}, x ${dims}: y ${output.dims} differs from the operator's`);
      process.exit(1);
    }
    counts[opset] = (counts[opset] ?? 0) + 1;
  }
  await session.release();
}
const list = Object.entries(counts).map(([opset, count]) => `${count} at opset ${opset}`);
console.log(`onnxruntime-node ${version}, node ${process.versions.node}: ${list.join(", ")}, all bits equal`);
