// Evaluates a CQL library with cql-execution (ELM by @cqframework/cql) and prints results and times as JSON.
// node cql_execution.mjs CONFIG.json, from a folder that has the packages.
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";
import fs from "node:fs";
import path from "node:path";

const config = JSON.parse(fs.readFileSync(process.argv[2], "utf8"));
const require = createRequire(pathToFileURL(path.join(config.packages, "package.json")));
const translation = await import(
  pathToFileURL(path.join(config.packages, "node_modules/@cqframework/cql/cql-to-elm.mjs")).href
);
const cql = require("cql-execution");
const fhir = require("cql-exec-fhir");

const {
  CqlTranslator, LibraryManager, ModelManager, createLibrarySourceProvider, createModelInfoProvider, stringAsSource,
} = translation;
const modelManager = new ModelManager();
const modelInfo = fs.readFileSync(config.modelInfo, "utf8");
const systemInfo = fs.readFileSync(config.systemInfo, "utf8");
modelManager.modelInfoLoader.registerModelInfoProvider(
  createModelInfoProvider((id) => stringAsSource(id === "System" ? systemInfo : modelInfo)),
);
const libraryManager = new LibraryManager(modelManager);
const helpers = fs.readFileSync(config.helpers, "utf8");
libraryManager.librarySourceLoader.registerProvider(
  createLibrarySourceProvider((id) => (id === "FHIRHelpers" ? stringAsSource(helpers) : null)),
);

const translate = (text) => {
  const translator = CqlTranslator.fromText(text, libraryManager);
  return JSON.parse(translator.toJson());
};
const started = performance.now();
const elm = translate(fs.readFileSync(config.library, "utf8"));
const translated = performance.now() - started;
const helpersElm = translate(helpers);
const library = new cql.Library(elm, new cql.Repository({ FHIRHelpers: helpersElm }));
const executor = new cql.Executor(library, new cql.CodeService({}));
const source = fhir.PatientSource.FHIRv401();
const now = cql.DateTime.fromJSDate(new Date(config.now), 0);

const plain = (value) => {
  if (value === null || value === undefined) return null;
  if (Array.isArray(value)) return value.length;
  if (typeof value !== "object") return value;
  if ("value" in value && typeof value.value === "number") return value.value;
  if (value.value && typeof value.value.value === "number") return value.value.value;
  return "structure";
};

const out = { translated, sizes: {} };
for (const [size, file] of Object.entries(config.bundles)) {
  const text = fs.readFileSync(file, "utf8");
  const once = async () => {
    source.reset();
    source.loadBundles([JSON.parse(text)]);
    return executor.exec(source, now);
  };
  const first = await once();
  const found = Object.values(first.patientResults)[0];
  const results = Object.fromEntries(Object.entries(found).map(([name, value]) => [name, plain(value)]));
  const times = [];
  for (let round = 0; round < config.rounds; round++) {
    const before = process.cpuUsage(); // as on the other side: CPU time, of all threads
    for (let turn = 0; turn < config.turns[size]; turn++) await once();
    const used = process.cpuUsage(before);
    times.push((used.user + used.system) / 1000 / config.turns[size]);
  }
  out.sizes[size] = { results, times };
}
console.log(JSON.stringify(out));
