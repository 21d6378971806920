// The playground: one call on the left, one decision on the right. What is shown is rendered by the service.
"use strict";
const $ = (selector, root = document) => root.querySelector(selector);
const $$ = (selector, root = document) => [...root.querySelectorAll(selector)];
const state = { service: "", request: null, facts: {}, baseline: null, timer: 0, running: null, stale: { why: true, logic: true }, library: "" };

async function ask(url, body) {
  const options = body === undefined ? {} : {
    method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body),
  };
  const answer = await fetch(url, options);
  const data = await answer.json().catch(() => ({}));
  if (!answer.ok) throw new Error(data.message || `The service answered ${answer.status}.`);
  return data;
}

function say(text, failed = false) {
  const status = $("#status");
  status.textContent = text;
  status.classList.toggle("is-critical", failed);
}

async function guarded(work) {
  try { return await work(); } catch (error) { say(error.message, true); return undefined; }
}

const current = () => ({ service: state.service, request: state.request, facts: state.facts });
const isChanged = () => state.baseline && JSON.stringify(state.baseline) !== JSON.stringify(current());

// ---- deciding
async function decide() {
  if (!readEditor() || !state.request) return;
  const turn = {};
  state.running = turn;
  say("Deciding …");
  await guarded(async () => {
    const data = await ask("playground/decide", { ...current(), before: isChanged() ? state.baseline : null });
    if (state.running !== turn) return; // a later change is on its way
    $("#answer").innerHTML = data.html;
    $("#curl").textContent = data.curl;
    $("#response").textContent = data.response;
    $("#sent").textContent = data.sent;
    showFacts(data.facts);
    say(`Answered in ${data.milliseconds} ms.`);
    state.stale = { why: true, logic: true };
    await showTab();
  });
}

function soon() { clearTimeout(state.timer); state.timer = setTimeout(decide, 120); }

function readEditor() {
  const text = $("#request").value.trim();
  try { state.request = text ? JSON.parse(text) : null; return true; } catch (error) { say(`The request is no JSON: ${error.message}`, true); return false; }
}

function writeEditor() { $("#request").value = JSON.stringify(state.request, null, 1); fillOrder(); }

function load(data) {
  Object.assign(state, { service: data.service, request: data.request, facts: {} });
  state.baseline = JSON.parse(JSON.stringify(current()));
  $("#service").value = data.service;
  $("#says").textContent = data.says || "";
  $("#case-name").value = data.name || "";
  clearFacts();
  writeEditor();
  return decide();
}

const loadExample = (id) => guarded(async () => load(await ask(`playground/examples/${encodeURIComponent(id)}`)));
const loadText = (text) => guarded(async () => load(await ask("playground/read", { text, service: $("#service").value })));

async function changeRequest(url, more = {}) {
  if (!readEditor()) return;
  await guarded(async () => {
    state.request = (await ask(url, { ...current(), ...more })).request;
    writeEditor();
    await decide();
  });
}

// ---- examples
let searching = 0;
async function searchExamples() {
  const turn = ++searching;
  const data = await guarded(() => ask(`playground/examples?q=${encodeURIComponent($("#example-search").value)}`));
  if (!data || turn !== searching) return;
  $("#examples").innerHTML = data.html;
  $("#example-count").textContent = `${data.count} found`;
}

function chooseExample(button) {
  $$("#examples [aria-pressed=true]").forEach((other) => other.setAttribute("aria-pressed", "false"));
  button.setAttribute("aria-pressed", "true");
  return loadExample(button.dataset.example);
}

// ---- facts: as the chart says, known, or explicitly unknown
function clearRow(row) {
  $("input[value=chart]", row).checked = true;
  $$("[data-value], [data-date]", row).forEach((field) => { field.value = ""; });
  row.classList.remove("changed");
}

const clearFacts = () => $$("#facts [data-fact]").forEach(clearRow);

function readFact(row) {
  const name = row.dataset.fact;
  const choice = $("input[type=radio]:checked", row).value;
  const value = $("[data-value]", row)?.value ?? "";
  const date = $("[data-date]", row).value;
  const said = { true: true, false: false, unknown: null, value }[choice];
  if (choice === "chart" || (choice === "value" && value === "")) delete state.facts[name];
  else state.facts[name] = date ? { value: said, date } : { value: said };
  row.classList.toggle("changed", name in state.facts);
}

let lastFacts = {};
function showFacts(facts) {
  lastFacts = facts;
  for (const row of $$("#facts [data-fact]")) {
    const fact = facts[row.dataset.fact];
    $("[data-now]", row).textContent = fact ? fact.now : "not looked at here";
    $("[data-open]", row).hidden = !fact?.open;
  }
  filterFacts();
}

function filterFacts() {
  const words = $("#fact-search").value.toLowerCase().split(/\s+/).filter(Boolean);
  const all = $("#fact-all").checked || words.length > 0;
  const rows = $$("#facts [data-fact]");
  let shown = 0;
  for (const row of rows) {
    const name = row.dataset.fact;
    const hit = words.every((word) => row.dataset.words.includes(word));
    row.hidden = !(hit && (all || lastFacts[name]?.matters || name in state.facts));
    shown += row.hidden ? 0 : 1;
  }
  const open = rows.filter((row) => lastFacts[row.dataset.fact]?.open);
  open.reverse().forEach((row) => row.parentElement.prepend(row));
  $("#fact-count").textContent = all ? `${shown} of ${rows.length} facts` : `${shown} facts that this decision looks at, of ${rows.length}`;
}

// ---- the order: procedure and levels by words or code
const drafts = () => (state.request?.context?.draftOrders?.entry || []).map((entry) => entry.resource).filter((resource) => resource?.resourceType === "ServiceRequest");
const chosenOrder = () => drafts()[Number($("#order-number").value) || 0];
let offered = new Map();

function fillOrder() {
  const all = drafts();
  $("#order-fields").hidden = !all.length;
  $("#order-choice").hidden = all.length < 2;
  const number = $("#order-number");
  const before = Math.min(Number(number.value) || 0, Math.max(all.length - 1, 0));
  number.replaceChildren(...all.map((order, at) => new Option(order.code?.text || order.code?.coding?.[0]?.code || order.id, at)));
  number.value = all.length ? before : "";
  const order = chosenOrder();
  if (!order) return;
  const coding = order.code?.coding?.[0] || {};
  $("#order-code").value = coding.code || order.code?.text || "";
  $("#order-says").textContent = [order.code?.text || coding.display, coding.system].filter(Boolean).join(" · ");
  $("#order-levels").value = (order.bodySite || []).map((site) => site.coding?.[0]?.code || site.text || "").filter(Boolean).join(", ");
}

async function offerCodes() {
  const text = $("#order-code").value.trim();
  if (offered.has(text)) return;
  const found = await guarded(() => ask(`playground/orders?q=${encodeURIComponent(text)}`));
  if (!found) return;
  offered = new Map(found.map((code) => [code.code, code]));
  $("#order-codes").replaceChildren(...found.map((code) => new Option(`${code.display} (${code.system})`, code.code)));
}

async function writeOrder() {
  if (!readEditor()) return;
  const order = chosenOrder();
  if (!order) return;
  const text = $("#order-code").value.trim();
  if (!offered.has(text)) await offerCodes();
  const known = offered.get(text);
  const before = order.code?.coding?.[0];
  if (known) order.code = { coding: [{ system: known.system, code: known.code }], ...(known.display ? { text: known.display } : {}) };
  else if (before?.code !== text) order.code = { text };
  const levels = $("#order-levels").value.split(/[\s,;]+/).filter(Boolean);
  if (levels.length) order.bodySite = levels.map((level) => ({ coding: [{ system: $("#order-levels").dataset.system, code: level.toUpperCase() }] }));
  else delete order.bodySite;
  writeEditor();
  soon();
}

// ---- what an EHR does with a card
// What is filed now outweighs what was set in the form of facts before.
function forget(actions) {
  const said = actions.flatMap((action) => action.resource?.code?.coding || []).map((coding) => coding.code);
  for (const row of $$("#facts [data-fact]")) {
    if (!(row.dataset.fact in state.facts) || !said.includes(row.dataset.fact)) continue;
    delete state.facts[row.dataset.fact];
    clearRow(row);
  }
}

async function apply(actions) {
  forget(actions);
  await changeRequest("playground/apply", { actions });
}

async function applySuggestion(button) {
  const label = button.textContent.trim();
  const feedback = sendFeedback(button.dataset.card, { outcome: "accepted", acceptedSuggestions: [{ id: button.dataset.suggestion }] });
  await apply(JSON.parse(button.dataset.actions));
  await feedback;
  say(`Applied: ${label}. The service was told.`);
}

async function sendFeedback(card, outcome) {
  const item = { card, outcomeTimestamp: new Date().toISOString().replace(/\.\d+Z$/, "Z"), ...outcome };
  return guarded(() => ask(`playground/feedback/${encodeURIComponent(state.service)}`, { feedback: [item] }));
}

async function override(form) {
  const option = $("select", form)?.selectedOptions[0];
  const comment = $("input[name=comment]", form).value.trim();
  const overrideReason = {};
  if (option?.value) overrideReason.reason = { code: option.value, system: option.dataset.system, display: option.textContent.trim() };
  if (comment) overrideReason.userComment = comment;
  const sent = await sendFeedback(form.dataset.card, { outcome: "overridden", ...(Object.keys(overrideReason).length ? { overrideReason } : {}) });
  if (!sent) return;
  const card = form.closest(".card");
  card.classList.add("overridden");
  $(".override-state", card).textContent = "Overridden. The service was told.";
  form.closest("details").open = false;
}

// A form that one of these cards led to was filled in: do what an EHR does with its messages.
function listenToForms() {
  if (!("BroadcastChannel" in window)) return;
  new BroadcastChannel("cds-form").addEventListener("message", async (event) => {
    const { link, messages } = event.data;
    if (!$$("#answer a").some((card) => card.href === link)) return;
    const actions = messages.filter((message) => message.messageType.startsWith("scratchpad.")).map((message) => ({
      type: message.messageType.replace("scratchpad.", ""), description: "", resource: message.payload.resource,
    }));
    await apply(actions);
    say("The form was filled in; its answers are in the call.");
  });
}

// ---- the other views
const TABS = ["cards", "why", "logic", "take"];
const openTab = () => $("[role=tab][aria-selected=true]").id.replace("tab-", "");

async function selectTab(name, focus = false) {
  for (const tab of TABS) {
    const selected = tab === name;
    $(`#tab-${tab}`).setAttribute("aria-selected", String(selected));
    $(`#tab-${tab}`).tabIndex = selected ? 0 : -1;
    $(`#panel-${tab}`).hidden = !selected;
  }
  if (focus) $(`#tab-${name}`).focus();
  await showTab();
}

async function showTab() {
  const name = openTab();
  if (!state.request || !state.stale[name]) return;
  if (name === "why") {
    const data = await guarded(() => ask("playground/why", current()));
    if (data) { $("#why").innerHTML = data.html; state.stale.why = false; }
  } else if (name === "logic") await showLogic(state.library || $("[data-library]")?.dataset.library || "");
}

async function showLogic(library, define) {
  if (!library) { state.stale.why = true; const data = await guarded(() => ask("playground/why", current())); if (data) $("#why").innerHTML = data.html; library = $("#why [data-library]")?.dataset.library; }
  if (!library) { $("#logic").textContent = "No logic was run for this call."; return; }
  const data = await guarded(() => ask("playground/logic", { ...current(), library }));
  if (!data) return;
  state.library = library;
  state.stale.logic = false;
  $("#logic").innerHTML = data.html;
  const line = define && $$("#logic .defines").find((each) => each.dataset.define === define);
  if (line) { line.classList.add("meant"); line.scrollIntoView({ block: "center" }); }
}

async function goToLogic(button) {
  state.library = button.dataset.library;
  state.stale.logic = false; // it is shown right below
  await selectTab("logic", true);
  await showLogic(button.dataset.library, button.dataset.define);
}

function download(name, text) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([text], { type: "application/yaml" }));
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
}

async function copy(button) {
  const text = $(button.dataset.copy);
  try { await navigator.clipboard.writeText(text.textContent); say("Copied."); }
  catch { text.closest("details")?.setAttribute("open", ""); getSelection().selectAllChildren(text); say("Selected; copy it with the keyboard."); }
}

document.addEventListener("DOMContentLoaded", () => {
  const on = (selector, event, work) => $(selector).addEventListener(event, work);
  on("#examples", "click", (event) => { const button = event.target.closest("[data-example]"); if (button) chooseExample(button); });
  on("#example-search", "input", searchExamples);
  on("#fact-search", "input", filterFacts);
  on("#fact-all", "change", filterFacts);
  on("#facts", "change", (event) => {
    const row = event.target.closest("[data-fact]");
    if (!row) return;
    if (event.target.matches("[data-value]")) $("input[value=value]", row).checked = true;
    readFact(row);
    soon();
  });
  on("#reset-facts", "click", () => { state.facts = {}; clearFacts(); decide(); });
  on("#service", "change", (event) => { state.service = event.target.value; if (state.request) changeRequest("playground/service"); });
  on("#order-code", "input", offerCodes);
  on("#order-code", "change", writeOrder);
  on("#order-levels", "change", writeOrder);
  on("#order-number", "change", fillOrder);
  on("#decide", "click", decide);
  on("#request", "change", () => { if (readEditor()) { fillOrder(); decide(); } });
  on("#file", "change", async (event) => { const file = event.target.files[0]; if (file) loadText(await file.text()); });
  on("#paste-load", "click", () => loadText($("#paste").value));
  on("#save-case", "click", () => guarded(async () => {
    if (!readEditor()) return;
    const data = await ask("playground/case", { ...current(), name: $("#case-name").value, says: $("#says").textContent });
    download(data.name, data.text);
  }));
  $$("[data-copy]").forEach((button) => button.addEventListener("click", () => copy(button)));
  for (const name of ["dragover", "drop"]) document.addEventListener(name, (event) => event.preventDefault());
  document.addEventListener("drop", async (event) => {
    const file = event.dataTransfer.files[0];
    const text = file ? await file.text() : event.dataTransfer.getData("text");
    if (text) loadText(text);
  });
  on("#answer", "click", (event) => { const button = event.target.closest("[data-actions]"); if (button) applySuggestion(button); });
  on("#answer", "submit", (event) => { event.preventDefault(); override(event.target); });
  on("#why", "click", (event) => { const button = event.target.closest("[data-library]"); if (button) { event.preventDefault(); goToLogic(button); } });
  on("#logic", "change", (event) => { if (event.target.matches("[data-library-choice]")) showLogic(event.target.value); });
  TABS.forEach((name, at) => {
    on(`#tab-${name}`, "click", () => selectTab(name));
    on(`#tab-${name}`, "keydown", (event) => {
      const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
      if (step) { event.preventDefault(); selectTab(TABS[(at + step + TABS.length) % TABS.length], true); }
    });
  });
  listenToForms();
  const wanted = new URLSearchParams(location.search);
  const first = $("#examples [data-example]");
  (async () => {
    if (wanted.get("example")) await loadExample(wanted.get("example"));
    else if (first) await chooseExample(first);
    const service = wanted.get("service");
    if (service && service !== state.service && [...$("#service").options].some((option) => option.value === service)) {
      const found = await guarded(() => ask(`playground/examples?q=${encodeURIComponent($(`#service option[value="${CSS.escape(service)}"]`).textContent)}`));
      const list = document.createElement("ul");
      list.innerHTML = found?.html || "";
      const example = $("[data-example]", list);
      if (example) await loadExample(example.dataset.example);
      if (state.service !== service) { $("#service").value = service; state.service = service; await changeRequest("playground/service"); }
    }
  })();
});
