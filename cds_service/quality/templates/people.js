"use strict";
(() => {
  const source = document.getElementById("people");
  if (!source) return;
  const people = JSON.parse(source.textContent);
  const roles = [[2, "event"], [1, "counted, no event"], [4, "not evaluable"], [8, "excluded"], [16, "counted"]];
  const make = (name, text) => {
    const element = document.createElement(name);
    if (text !== undefined) element.textContent = text;
    return element;
  };
  const row = (cell, texts) => {
    const line = make("tr");
    texts.forEach((text) => line.append(make(cell, text)));
    return line;
  };
  const show = (button) => {
    const [key, role, where] = JSON.parse(button.dataset.who);
    const group = people.groups[key];
    const wanted = Object.entries(where).map(([code, value]) => {
      const at = group.codes.indexOf(code);
      return [at + 3, group.values[at].indexOf(value)];
    });
    const found = group.rows.filter((each) => each[2] & role && wanted.every(([at, value]) => each[at] === value));
    const counted = group.rows.some((each) => each[2] & 2);
    const dialog = make("dialog");
    dialog.className = "who-list";
    const cell = Object.values(where).join(", ");
    const heading = make("h2", `${group.title}${cell ? `, ${cell}` : ""}: ${found.length}`);
    heading.id = "who-heading";
    dialog.setAttribute("aria-labelledby", heading.id);
    const close = make("button", "Close");
    close.type = "button";
    close.addEventListener("click", () => dialog.close());
    const table = make("table");
    const head = make("thead");
    head.append(row("th", ["Patient", "What", "Counts as", ...group.titles]));
    const body = make("tbody");
    found.forEach(([subject, name, mask, ...values]) => {
      const word = roles.find(([bit]) => mask & bit)?.[1] ?? "";
      const why = counted || mask !== 1 ? word : "counted";
      body.append(row("td", [people.subjects[subject], name, why, ...values.map((at, to) => group.values[to][at])]));
    });
    table.append(head, body);
    const scroll = make("div");
    scroll.className = "scroll";
    scroll.tabIndex = 0;
    scroll.append(table);
    dialog.append(heading, close, scroll);
    dialog.addEventListener("close", () => { dialog.remove(); button.focus(); });
    document.body.append(dialog);
    dialog.showModal();
  };
  document.addEventListener("click", (event) => {
    const button = event.target.closest("button[data-who]");
    if (button) show(button);
  });
})();
