// The form behind a question card: the decision follows the answers; an EHR that shows the page is told them.
"use strict";
const form = document.getElementById("form");
const say = (text) => { document.getElementById("status").textContent = text; };
let turn = 0;

async function send(url) {
  const answer = await fetch(url, { method: "POST", headers: { Accept: "application/json" }, body: new URLSearchParams(new FormData(form)) });
  const data = await answer.json().catch(() => ({}));
  if (!answer.ok) throw new Error(data.message || `The service answered ${answer.status}.`);
  return data;
}

function show(data) {
  const focused = document.activeElement;
  const name = focused?.name, value = focused?.type === "radio" ? focused.value : null;
  document.getElementById("questions").innerHTML = data.questions;
  document.getElementById("decision").innerHTML = data.decision;
  if (name) [...form.elements].find((field) => field.name === name && (value === null || field.value === value))?.focus();
}

async function preview() {
  const mine = ++turn;
  try {
    const data = await send(form.dataset.preview);
    if (mine === turn) { show(data); say(""); }
  } catch (error) { say(error.message); }
}

// SMART web messaging: the EHR hands over a handle and its origin; only origins that the site allows are told anything.
function messaging() {
  const given = new URLSearchParams(location.hash.slice(1));
  const origin = given.get("smart_web_messaging_origin"), handle = given.get("smart_web_messaging_handle");
  const target = window.opener || (window.parent !== window ? window.parent : null);
  return target && handle && form.dataset.origins.split(" ").includes(origin) ? { target, origin, handle } : null;
}

// The playground of the workbench plays the EHR: it listens on a channel of this origin.
const channel = "BroadcastChannel" in window ? new BroadcastChannel("cds-form") : null;

function tell(messages) {
  channel?.postMessage({ link: location.href.split("#")[0], messages });
  const ehr = messaging();
  if (!ehr) return false;
  for (const message of messages) ehr.target.postMessage({ messagingHandle: ehr.handle, messageId: crypto.randomUUID(), ...message }, ehr.origin);
  return true;
}

form.addEventListener("change", preview);
form.addEventListener("submit", async (event) => {
  event.preventDefault();
  const mine = ++turn;
  say("Filing …");
  try {
    const data = await send(form.action);
    if (mine !== turn) return;
    show(data);
    say(tell(data.messages) ? "Filed, and the EHR was told." : "Filed.");
    document.getElementById("decision").scrollIntoView({ block: "nearest" });
  } catch (error) { say(error.message); }
});
