// The playground: one request in the editor, one answer beside it. All rendering of answers happens on the server.
"use strict";
const $ = (selector, root = document) => root.querySelector(selector);
const $$ = (selector, root = document) => [...root.querySelectorAll(selector)];
const state = { service: "", request: null, facts: {}, before: null, timer: 0, running: null };

async function ask(url, body) {
  const options = body === undefined ? {} : {
    method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body),
  };
  if (state.running) state.running.abort();
  state.running = new AbortController();
  const answer = await fetch(url, { ...options, signal: state.running.signal });
  const data = await answer.json().catch(() => ({}));
  if (!answer.ok) throw new Error(data.message || `The service answered ${answer.status}.`);
  return data;
}

function say(text, failed = false) {
  const status = $("#status");
  status.textContent = text;
  status.classList.toggle("is-critical", failed);
}

function show(data) {
  $("#answer").innerHTML = data.html;
  $("#answer").classList.remove("fresh");
  void $("#answer").offsetWidth;
  $("#answer").classList.add("fresh");
  $("#curl").textContent = data.curl;
  $("#response").textContent = data.response;
  $("#sent").textContent = data.sent;
  say(`Answered in ${data.milliseconds} ms.`);
}

async function decide() {
  readEditor();
  if (!state.request) return;
  say("Deciding …");
  try {
    show(await ask("playground/decide", {
      service: state.service, request: state.request, facts: state.facts, before: state.before,
    }));
  } catch (error) {
    if (error.name !== "AbortError") say(error.message, true);
  }
}

function readEditor() {
  const text = $("#request").value.trim();
  if (!text) { state.request = null; return; }
  try { state.request = JSON.parse(text); } catch (error) { state.request = null; say(`This is no JSON: ${error.message}`, true); }
}

function writeEditor() { $("#request").value = JSON.stringify(state.request, null, 1); }

function soon() {
  clearTimeout(state.timer);
  state.timer = setTimeout(decide, 150);
}

function load(data) {
  state.service = data.service;
  state.request = data.request;
  state.facts = {};
  state.before = null;
  $("#service").value = data.service;
  $("#says").textContent = data.says || "";
  $("#case-name").value = data.name || "";
  writeEditor();
  clearFacts();
  fillOrder();
  decide();
}

async function loadExample(id) {
  try { load(await ask(`playground/examples/${encodeURIComponent(id)}`)); }
  catch (error) { if (error.name !== "AbortError") say(error.message, true); }
}

// ---- facts: known true, known false, unknown, or as the chart says
function clearFacts() {
  $$("#facts [data-fact]").forEach((row) => {
    $$("input[type=radio]", row).forEach((radio) => { radio.checked = radio.value === "chart"; });
    $$("input[type=text], input[type=number], select", row).forEach((field) => { field.value = ""; });
    row.classList.remove("changed");
  });
}

function readFact(row) {
  const name = row.dataset.fact;
  const choice = $("input[type=radio]:checked", row)?.value || "chart";
  const field = $("[data-value]", row);
  const date = $("input[type=date]", row)?.value;
  if (state.before === null) state.before = JSON.parse(JSON.stringify(state.facts));
  if (choice === "chart") delete state.facts[name];
  else if (choice === "value") {
    if (!field || field.value === "") { delete state.facts[name]; } else { state.facts[name] = { value: field.value, date }; }
  } else state.facts[name] = { value: choice === "unknown" ? null : choice === "true", date };
  row.classList.toggle("changed", name in state.facts);
}

// ---- the order: procedure and levels by words or code
function orders() {
  const entries = state.request?.context?.draftOrders?.entry || [];
  return entries.map((entry) => entry.resource).filter((resource) => resource?.resourceType === "ServiceRequest");
}

function fillOrder() {
  const order = orders()[0];
  $("#order-fields").hidden = !order;
  if (!order) return;
  const coding = (order.code?.coding || [])[0] || {};
  $("#order-code").value = coding.code || "";
  $("#order-system").value = coding.system || $("#order-system").value;
  $("#order-levels").value = (order.bodySite || []).map((site) => (site.coding || [])[0]?.code || "").filter(Boolean).join(", ");
}

function writeOrder() {
  const order = orders()[0];
  if (!order) return;
  readEditor();
  const current = orders()[0];
  const system = $("#order-system").value;
  current.code = { coding: [{ system, code: $("#order-code").value.trim() }] };
  const levels = $("#order-levels").value.split(/[\s,;]+/).filter(Boolean);
  if (levels.length) {
    current.bodySite = levels.map((level) => ({ coding: [{ system: $("#order-levels").dataset.system, code: level.toUpperCase() }] }));
  } else delete current.bodySite;
  writeEditor();
  soon();
}

// ---- what an EHR does with a card
function applySuggestion(button) {
  const actions = JSON.parse(button.dataset.actions);
  readEditor();
  const context = state.request.context || {};
  const bundle = context.draftOrders || (context.draftOrders = { resourceType: "Bundle", type: "collection", entry: [] });
  const known = (resource) => (entry) => entry.resource?.resourceType === resource.resourceType && entry.resource?.id === resource.id;
  for (const action of actions) {
    if (action.type === "delete") {
      bundle.entry = bundle.entry.filter((entry) => `${entry.resource?.resourceType}/${entry.resource?.id}` !== action.resourceId);
    } else if (action.type === "update") {
      const at = bundle.entry.findIndex(known(action.resource));
      if (at >= 0) bundle.entry[at].resource = action.resource; else bundle.entry.push({ resource: action.resource });
    } else if (action.resource.resourceType === "ServiceRequest") {
      bundle.entry.push({ resource: { id: `draft-${bundle.entry.length + 1}`, ...action.resource } });
    } else fileResource(action.resource);
  }
  writeEditor();
  fillOrder();
  sendFeedback(button.dataset.card, { outcome: "accepted", acceptedSuggestions: [{ id: button.dataset.suggestion }] });
  say(`Applied: ${button.textContent.trim()}`);
  decide();
}

function fileResource(resource) {
  const prefetch = state.request.prefetch || (state.request.prefetch = {});
  const key = $("#request").dataset[`key${resource.resourceType}`] || Object.keys(prefetch).find((name) =>
    prefetch[name]?.entry?.some((entry) => entry.resource?.resourceType === resource.resourceType)) || resource.resourceType.toLowerCase();
  const bundle = prefetch[key]?.resourceType === "Bundle" ? prefetch[key] : { resourceType: "Bundle", type: "searchset", entry: [] };
  bundle.entry = [...(bundle.entry || []), { resource: { id: `filed-${Date.now()}`, ...resource } }];
  prefetch[key] = bundle;
}

async function sendFeedback(card, outcome) {
  const item = { card, outcomeTimestamp: new Date().toISOString().replace(/\.\d+Z$/, "Z"), ...outcome };
  const answer = await fetch(`cds-services/${encodeURIComponent(state.service)}/feedback`, {
    method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify({ feedback: [item] }),
  });
  say(answer.ok ? "Feedback was recorded." : `Feedback was refused (${answer.status}).`, !answer.ok);
}

function override(form) {
  const card = form.dataset.card;
  const option = $("select", form)?.selectedOptions[0];
  const comment = $("input[name=comment]", form).value.trim();
  const reason = option?.value ? { reason: { code: option.value, system: option.dataset.system, display: option.textContent.trim() } } : {};
  const overrideReason = { ...reason, ...(comment ? { userComment: comment } : {}) };
  sendFeedback(card, { outcome: "overridden", ...(Object.keys(overrideReason).length ? { overrideReason } : {}) });
  form.closest(".card").classList.add("quiet");
}

// ---- files: a Bundle, a recorded request, a case
async function loadFile(text) {
  try { load(await ask("playground/read", { text, service: $("#service").value })); }
  catch (error) { if (error.name !== "AbortError") say(error.message, true); }
}

function download(name, text, type) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([text], { type }));
  link.download = name;
  link.click();
  URL.revokeObjectURL(link.href);
}

async function saveCase() {
  readEditor();
  try {
    const data = await ask("playground/case", { service: state.service, request: state.request, facts: state.facts, name: $("#case-name").value });
    download(data.name, data.text, "application/yaml");
  } catch (error) { say(error.message, true); }
}

document.addEventListener("DOMContentLoaded", () => {
  $("#examples").addEventListener("click", (event) => {
    const button = event.target.closest("[data-example]");
    if (button) { $$("#examples [aria-pressed=true]").forEach((other) => other.setAttribute("aria-pressed", "false")); button.setAttribute("aria-pressed", "true"); loadExample(button.dataset.example); }
  });
  $("#example-search").addEventListener("input", (event) => {
    const words = event.target.value.toLowerCase().split(/\s+/).filter(Boolean);
    let shown = 0;
    $$("#examples [data-example]").forEach((button) => {
      const hit = words.every((word) => button.dataset.words.includes(word));
      button.closest("li").hidden = !hit;
      shown += hit ? 1 : 0;
    });
    $("#example-count").textContent = `${shown} shown`;
  });
  $("#fact-search").addEventListener("input", (event) => {
    const word = event.target.value.toLowerCase();
    $$("#facts [data-fact]").forEach((row) => { row.hidden = !row.dataset.words.includes(word); });
  });
  $("#facts").addEventListener("change", (event) => {
    const row = event.target.closest("[data-fact]");
    if (!row) return;
    if (event.target.matches("[data-value]")) $("input[value=value]", row).checked = true;
    readFact(row);
    soon();
  });
  $("#service").addEventListener("change", (event) => { state.service = event.target.value; const chosen = event.target.selectedOptions[0]; if (state.request) { readEditor(); state.request.hook = chosen.dataset.hook; writeEditor(); decide(); } });
  $("#order-fields").addEventListener("change", writeOrder);
  $("#decide").addEventListener("click", decide);
  $("#request").addEventListener("change", () => { readEditor(); fillOrder(); decide(); });
  $("#reset-facts").addEventListener("click", () => { state.facts = {}; state.before = null; clearFacts(); decide(); });
  $("#file").addEventListener("change", async (event) => { const file = event.target.files[0]; if (file) loadFile(await file.text()); });
  $("#save-case").addEventListener("click", saveCase);
  $$("[data-copy]").forEach((button) => button.addEventListener("click", async () => {
    try { await navigator.clipboard.writeText($(button.dataset.copy).textContent); say("Copied."); }
    catch { say("The browser did not allow copying; the text is selected instead.", true); getSelection().selectAllChildren($(button.dataset.copy)); }
  }));
  const drop = $("#drop");
  ["dragover", "drop"].forEach((name) => drop.addEventListener(name, (event) => event.preventDefault()));
  drop.addEventListener("drop", async (event) => { const file = event.dataTransfer.files[0]; loadFile(file ? await file.text() : event.dataTransfer.getData("text")); });
  $("#answer").addEventListener("click", (event) => { const button = event.target.closest("[data-actions]"); if (button) applySuggestion(button); });
  $("#answer").addEventListener("submit", (event) => { event.preventDefault(); override(event.target); });
  const first = new URLSearchParams(location.search).get("example") || $("#examples [data-example]")?.dataset.example;
  if (first) loadExample(first);
});
