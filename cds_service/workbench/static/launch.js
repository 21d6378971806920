// SMART App Launch as a public client with PKCE: the EHR says by whom and for which card the form was opened.
// Nothing is read from the EHR; its token is asked for because the card's context comes with it.
"use strict";
const place = document.getElementById("launch");
const { client, origins, redirect, form } = place.dataset;
const given = new URLSearchParams(location.search);
const KEY = "cds-form-launch:";

const base64url = (bytes) => btoa(String.fromCharCode(...new Uint8Array(bytes))).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");
const random = () => base64url(crypto.getRandomValues(new Uint8Array(32)));
const isKnown = (url) => origins.split(" ").filter(Boolean).includes(new URL(url).origin);

async function read(url, options) {
  const answer = await fetch(url, { headers: { Accept: "application/json" }, ...options });
  if (!answer.ok) throw new Error(`The EHR answered ${answer.status}.`);
  return answer.json();
}

async function begin(iss) {
  if (!client || !isKnown(iss)) throw new Error("This EHR is not known here.");
  const smart = await read(`${iss.replace(/\/$/, "")}/.well-known/smart-configuration`);
  if (!isKnown(smart.authorization_endpoint) || !isKnown(smart.token_endpoint)) throw new Error("This EHR sends us to an address that is not known here.");
  const state = random(), verifier = random();
  const challenge = base64url(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(verifier)));
  sessionStorage.setItem(KEY + state, JSON.stringify({ verifier, token: smart.token_endpoint }));
  const asked = new URL(smart.authorization_endpoint);
  const parts = {
    response_type: "code", client_id: client, redirect_uri: redirect, launch: given.get("launch") || "", scope: "launch messaging/scratchpad.* messaging/ui.done",
    state, aud: iss, code_challenge: challenge, code_challenge_method: "S256",
  };
  for (const [name, value] of Object.entries(parts)) asked.searchParams.set(name, value);
  location.replace(asked);
}

async function finish(state, code) {
  const kept = sessionStorage.getItem(KEY + state);
  if (!kept) throw new Error("This launch was not begun here.");
  sessionStorage.removeItem(KEY + state);
  const { verifier, token } = JSON.parse(kept);
  const body = new URLSearchParams({ grant_type: "authorization_code", code, redirect_uri: redirect, client_id: client, code_verifier: verifier });
  const told = await read(token, { method: "POST", body });
  const handle = told.appContext || told.app_context;
  if (!/^[A-Za-z0-9_-]+$/.test(handle || "")) throw new Error("The EHR did not say which card the form was opened from.");
  const messaging = new URLSearchParams();
  for (const part of ["origin", "handle"]) {
    const value = told[`smart_web_messaging_${part}`] || told[`smart_messaging_${part}`];
    if (value) messaging.set(`smart_web_messaging_${part}`, value);
  }
  location.replace(`${form}${handle}#${messaging}`);
}

(async () => {
  try {
    if (given.get("error")) throw new Error("The EHR refused the launch.");
    if (given.get("code")) await finish(given.get("state") || "", given.get("code"));
    else if (given.get("iss")) await begin(given.get("iss"));
    else throw new Error("The form is opened from a card in the EHR.");
  } catch (error) { place.textContent = error.message; }
})();
